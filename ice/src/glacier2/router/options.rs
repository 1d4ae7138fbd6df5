//! What a router allows.

use std::time::Duration;

/// What a router allows, and for how long. The defaults are those of OMERO's, where it has any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouterOptions {
    /// The category of the router's name, which is `router`.
    pub instance: String,
    /// After how long without any message of the client its session ends, and its connection
    /// with the next call, from which the client learns it. When no call comes either, the
    /// connection ends after the same time once more, however the session has ended. 0 is never.
    pub session_timeout: Duration,
    /// After how long without a call of anything but the router itself a session ends;
    /// heartbeats do not prevent it. Its connection ends as with `session_timeout`; if that is 0,
    /// after this time once more. 0 is never.
    pub idle_timeout: Duration,
    /// How long a connection may be without a session before it is closed.
    pub login_timeout: Duration,
    /// How many objects a client may have in its table; the one that was not called for the
    /// longest time goes for a new one.
    pub table_size: usize,
    /// Whether clients must tell of an object before they call it, as those of OMERO do.
    pub table_is_required: bool,
    /// How many connections there may be; more are closed at once.
    pub connections: usize,
    /// How many sessions there may be; nobody is let in when there are so many.
    pub sessions: usize,
}

impl RouterOptions {
    /// With times that a clock can have: more than these are as good as for ever.
    pub(super) fn usable(mut self) -> Self {
        const LONGEST: Duration = Duration::from_secs(30 * 365 * 24 * 3600);
        for time in [&mut self.session_timeout, &mut self.idle_timeout, &mut self.login_timeout] {
            *time = (*time).min(LONGEST);
        }
        self
    }
}

impl Default for RouterOptions {
    fn default() -> Self {
        Self {
            instance: "OMERO.Glacier2".to_owned(),
            session_timeout: Duration::from_secs(600),
            idle_timeout: Duration::from_secs(600),
            login_timeout: Duration::from_secs(30),
            table_size: 1000,
            table_is_required: true,
            connections: 10_000,
            sessions: 10_000,
        }
    }
}
