//! Who makes the sessions of a router.

use std::{fmt, net::SocketAddr, sync::Arc};

use futures_util::future::BoxFuture;

use super::Peer;
use crate::{
    connection::Servant,
    glacier2::Credentials,
    omero::{
        glacier2::{CannotCreateSessionException, PermissionDeniedException},
        schema,
    },
    typed::Members,
    value::Exception,
    wire::Proxy,
};

/// Lets users in and makes their sessions.
pub trait Host: Send + Sync + 'static {
    /// Makes a session for who asks for one, or refuses it. It is given up, dropped, when the
    /// connection ends in the meantime: what must be undone then belongs into a task of its own, or
    /// into what is dropped with it.
    fn create(&self, login: LoginRequest) -> BoxFuture<'_, Result<Made, Refusal>>;
}

/// A client that wants a session.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LoginRequest {
    /// What it wants to be let in for. A session's key comes as user and password alike, so
    /// that it is a password here.
    pub credentials: Credentials,
    /// What goes along with the call; [`key`](crate::glacier2::key) has the keys.
    pub context: Vec<(String, String)>,
    /// Where the client is.
    pub address: SocketAddr,
    /// Whether the connection is secure.
    pub is_secure: bool,
    /// Calls objects of the client, and ends its session.
    pub peer: Peer,
}

impl LoginRequest {
    /// The value of a key of the context.
    pub fn context_value(&self, key: &str) -> Option<&str> {
        self.context.iter().find(|(found, _)| found == key).map(|(_, value)| value.as_str())
    }
}

/// A session that was made.
pub struct Made {
    /// The session's object, as the client gets it: with OMERO its name is the session's key.
    pub object: Option<Proxy>,
    /// Answers the calls of the client.
    pub session: Arc<dyn HostedSession>,
}

impl fmt::Debug for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Made").field("object", &self.object).finish_non_exhaustive()
    }
}

/// A session of a client: answers its calls, on whatever object, until it is told of the end.
pub trait HostedSession: Servant {
    /// The session has ended for this client. It is told once.
    fn ended(&self, why: End) -> BoxFuture<'_, ()> {
        let _ = why;
        Box::pin(std::future::ready(()))
    }
}

/// An adapter answers without asking who calls.
impl HostedSession for crate::connection::Adapter {}

/// Why a session has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The client, or the host, ended it.
    Destroyed,
    /// The connection was lost or closed.
    Disconnected,
    /// Nothing was called for too long.
    Idle,
    /// No message came for too long.
    TimedOut,
    /// The router goes.
    ShutDown,
}

/// Why there is no session.
#[derive(Clone, Debug)]
pub struct Refusal(Box<Exception>);

impl Refusal {
    /// A user or a password that is wrong.
    pub fn denied(reason: &str) -> Self {
        let exception = Exception::make::<PermissionDeniedException>(true);
        Self(Box::new(
            exception
                .with::<PermissionDeniedException, _, _>(PermissionDeniedException::REASON, reason),
        ))
    }

    /// Anything else that is in the way.
    pub fn no_session(reason: &str) -> Self {
        let exception = Exception::make::<CannotCreateSessionException>(true);
        Self(Box::new(exception.with::<CannotCreateSessionException, _, _>(
            CannotCreateSessionException::REASON,
            reason,
        )))
    }

    /// An exception of the host, derived from one of the two above; none when it is not.
    pub fn from_exception(exception: Exception) -> Option<Self> {
        let allowed = [PermissionDeniedException::NUMBER, CannotCreateSessionException::NUMBER];
        let mut slices = schema().exception_slices(exception.known);
        slices.any(|slice| allowed.contains(&slice)).then(|| Self(Box::new(exception)))
    }

    pub(super) fn into_exception(self) -> Exception {
        *self.0
    }
}

/// What fails while a session is made is told in its own words.
impl From<crate::Error> for Refusal {
    fn from(error: crate::Error) -> Self {
        Self::no_session(&error.to_string())
    }
}
