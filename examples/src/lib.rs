//! Examples of polystore as a library, each a program of its own under `src/bin`.
