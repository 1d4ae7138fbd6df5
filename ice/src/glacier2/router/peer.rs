//! The client of a session, as the host sees it.

use std::{
    fmt,
    sync::{Arc, Weak},
    time::Duration,
};

use super::{End, link::Link};
use crate::{
    Error, Result,
    connection::Client,
    typed::{Answer, Invocation, Outcome},
    wire::{Limits, Proxy},
};

/// The client of a session: calls its objects on its own connection, and ends its session.
#[derive(Clone)]
pub struct Peer {
    pub(super) client: Client,
    pub(super) category: Arc<str>,
    pub(super) link: Weak<Link>,
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer").field("category", &self.category).finish_non_exhaustive()
    }
}

impl Peer {
    /// The category of the client's objects.
    pub fn category(&self) -> &str {
        &self.category
    }

    /// The limits of the client's connection, for the arguments of its calls.
    pub fn limits(&self) -> &Limits {
        self.client.limits()
    }

    /// Calls an object of the client. Without a time of its own, or one in the router's
    /// options, it waits as long as the connection lives.
    ///
    /// # Errors
    /// `NotExist` when the proxy is of another client's object, else as [`Client::invoke`].
    pub async fn invoke<R: Outcome>(
        &self,
        proxy: &Proxy,
        invocation: Invocation<R>,
        context: Vec<(String, String)>,
    ) -> Result<Answer<R>> {
        self.invoke_within(proxy, invocation, context, self.client.call_timeout()).await
    }

    /// As [`Peer::invoke`], with a time of its own; without one it waits as long as the
    /// connection lives.
    ///
    /// # Errors
    /// As there.
    pub async fn invoke_within<R: Outcome>(
        &self,
        proxy: &Proxy,
        invocation: Invocation<R>,
        context: Vec<(String, String)>,
        timeout: Option<Duration>,
    ) -> Result<Answer<R>> {
        if *proxy.identity.category != *self.category {
            return Err(Error::NotExist {
                what: "object",
                object: proxy.identity.to_string(),
                operation: invocation.declaration()?.name.to_string(),
            });
        }
        self.client.invoke_within(proxy, invocation, context, timeout).await
    }

    /// Ends the session: calls that are worked on are answered, then the connection is closed.
    pub fn end_session(&self) {
        if let Some(link) = self.link.upgrade() {
            link.end_and_close(End::Destroyed);
        }
    }
}
