//! Who logs in, and how.

use std::{fmt, time::Duration};

use super::key;
use crate::wire::Identity;

/// What a router lets somebody in for.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Credentials {
    /// A user's name and password.
    Password {
        /// Name.
        user: String,
        /// Password.
        password: String,
    },
    /// The key of a session that there is already, which is joined.
    SessionKey(String),
    /// What the connection itself shows, such as a certificate of the client; OMERO's routers
    /// do not have it.
    Connection,
}

impl Credentials {
    /// A user's name and password.
    pub fn password(user: impl Into<String>, password: impl Into<String>) -> Self {
        Self::Password { user: user.into(), password: password.into() }
    }

    /// The key of a session that there is already.
    pub fn session_key(key: impl Into<String>) -> Self {
        Self::SessionKey(key.into())
    }
}

/// Without what must stay secret.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Password { user, .. } => {
                f.debug_struct("Password").field("user", user).finish_non_exhaustive()
            }
            Self::SessionKey(_) => f.write_str("SessionKey(..)"),
            Self::Connection => f.write_str("Connection"),
        }
    }
}

/// Who logs in at a router, and what the session is like.
#[derive(Clone, Debug)]
pub struct Login {
    /// What the router lets one in for.
    pub credentials: Credentials,
    /// The router's name. OMERO's is `OMERO.Glacier2/router`.
    pub router: Identity,
    /// What goes along with the login and with all calls; a number for the client is added
    /// when there is none.
    pub context: Vec<(String, String)>,
    /// What goes along with the login alone, such as the name of a group or of the program.
    pub login_context: Vec<(String, String)>,
    /// How often the session is told that the client is there, at the least: more often when
    /// the router gives up clients sooner. Without it nothing is told, and a session ends when
    /// nothing is called for the server's time.
    pub keep_alive: Option<Duration>,
    /// How long it may take on a connection until there is a session, with the pauses when
    /// others are in the way. Without it, as long as the connection lives.
    pub timeout: Option<Duration>,
}

impl Login {
    /// A login at OMERO's router.
    pub fn new(credentials: Credentials) -> Self {
        Self {
            credentials,
            router: Identity::new("router", "OMERO.Glacier2"),
            context: Vec::new(),
            login_context: vec![(key::AGENT.to_owned(), "polystore".to_owned())],
            keep_alive: Some(Duration::from_secs(120)),
            timeout: Some(Duration::from_secs(60)),
        }
    }

    /// Sets the router's name.
    #[must_use]
    pub fn with_router(mut self, router: Identity) -> Self {
        self.router = router;
        self
    }

    /// Sets the group, by its name, that calls are made in when they do not say another.
    #[must_use]
    pub fn with_group(mut self, name: &str) -> Self {
        set(&mut self.login_context, key::GROUP, name);
        self
    }

    /// Sets who the client is, for the server's log.
    #[must_use]
    pub fn with_agent(mut self, agent: &str) -> Self {
        set(&mut self.login_context, key::AGENT, agent);
        self
    }

    /// Sets how often the session is told that the client is there.
    #[must_use]
    pub fn with_keep_alive(mut self, keep_alive: Option<Duration>) -> Self {
        self.keep_alive = keep_alive;
        self
    }

    /// Sets how long it may take until there is a session.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.timeout = timeout;
        self
    }
}

/// Sets the value of a key of a context.
pub(super) fn set(context: &mut Vec<(String, String)>, key: &str, value: &str) {
    match context.iter_mut().find(|(found, _)| found == key) {
        Some((_, old)) => value.clone_into(old),
        None => context.push((key.to_owned(), value.to_owned())),
    }
}
