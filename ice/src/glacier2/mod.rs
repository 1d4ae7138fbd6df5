//! Sessions behind a Glacier2 router, which is what OMERO's clients connect to: as client and
//! as server.
//!
//! A router lets a user in, has a table of the objects that a client may call, and passes calls
//! on. [`Session`] is a client's side of it; [`router`] is a router in this process.

pub mod blocking;
mod credentials;
mod keep_alive;
mod login;
pub mod router;
mod routes;
mod session;

pub use credentials::{Credentials, Login};
pub use session::Session;

/// Keys of contexts that have a meaning for OMERO's servers.
pub mod key {
    use crate::omero::constants;

    /// The client's number, which a login must have.
    pub const CLIENT_UUID: &str = constants::CLIENTUUID;
    /// The session's number.
    pub const SESSION_UUID: &str = constants::SESSIONUUID;
    /// The group that a call is made in: its number, or `-1` for all; its name when logging in.
    pub const GROUP: &str = constants::GROUP;
    /// Who the client is, for the server's log.
    pub const AGENT: &str = constants::AGENT;
}
