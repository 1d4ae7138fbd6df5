//! Proxies and identities in words.
