//! A router in this process, which OMERO's clients log in to.
//!
//! [`Router`] accepts connections, lets users in, keeps sessions and their times, and has the
//! table of what each client may call; a [`Host`] makes the sessions, and each answers the
//! calls of its client.

mod host;
mod link;
mod operations;
mod options;
mod peer;
mod serve;
mod table;

pub use host::{End, Host, HostedSession, LoginRequest, Made, Refusal};
pub use options::RouterOptions;
pub use peer::Peer;
pub use serve::Router;
