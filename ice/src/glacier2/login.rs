//! How a session begins, and what may be wrong with it.

use std::time::Duration;

use super::{Credentials, Login};
use crate::{
    Error, Result,
    connection::Client,
    omero::{
        ServerError, SessionException, WrappedCreateSessionException,
        glacier2::{
            CannotCreateSessionException, PermissionDeniedException, Router,
            SessionNotExistException,
        },
    },
    wire::Proxy,
};

/// How often a login is tried when others are in the way.
const TRIES: u32 = 3;
/// The longest time between two of them.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Makes a session; the proxy of its object, if it has one.
pub(super) async fn create(
    client: &Client,
    login: &Login,
    context: &[(String, String)],
) -> Result<Option<Proxy>> {
    let router = Proxy::new(login.router.clone());
    let mut n_tries = 1;
    loop {
        let call = match &login.credentials {
            Credentials::Password { user, password } => Router::create_session(user, password),
            Credentials::SessionKey(key) => Router::create_session(key, key),
            Credentials::Connection => Router::create_session_from_secure_connection(),
        };
        let made = client.invoke(&router, call, context.to_vec()).await;
        match made.map_err(as_typed) {
            Ok(answer) => return Ok(answer.get()?.cloned()),
            Err(Error::CannotCreateSession { again_after: Some(after), .. }) if n_tries < TRIES => {
                n_tries += 1;
                tokio::time::sleep(after.min(LONGEST_WAIT)).await;
            }
            Err(error) => return Err(error),
        }
    }
}

/// The error that an exception of a router is.
pub(super) fn as_typed(error: Error) -> Error {
    match &error {
        Error::Exception(raised) => exception(&raised.0).unwrap_or(error),
        // OMERO's server has no exception for it that the router would pass on.
        Error::Refused(text)
            if text.contains("SessionTimeoutException")
                || text.contains("RemovedSessionException") =>
        {
            Error::SessionExpired(text.lines().next().unwrap_or_default().to_owned())
        }
        _ => error,
    }
}

fn exception(raised: &crate::value::Exception) -> Option<Error> {
    if let Some(denied) = raised.view::<PermissionDeniedException>() {
        let reason = denied.get(PermissionDeniedException::REASON).unwrap_or_default();
        return Some(Error::PermissionDenied(reason.to_owned()));
    }
    if raised.view::<SessionNotExistException>().is_some() {
        return Some(Error::SessionNotExist);
    }
    if let Some(gone) = raised.view::<SessionException>() {
        let message = gone.get(ServerError::MESSAGE).unwrap_or_default();
        return Some(Error::SessionExpired(format!("{}: {message}", raised.id)));
    }
    let refused = raised.view::<CannotCreateSessionException>()?;
    let reason = refused.get(CannotCreateSessionException::REASON).unwrap_or_default();
    let again_after = raised.view::<WrappedCreateSessionException>().and_then(|wrapped| {
        let is_busy = wrapped.get(WrappedCreateSessionException::CONCURRENCY).ok()?;
        let ms = wrapped.get(WrappedCreateSessionException::BACK_OFF).ok()?;
        is_busy.then(|| Duration::from_millis(u64::try_from(ms).unwrap_or_default()))
    });
    let kind = raised.id.clone();
    Some(Error::CannotCreateSession { reason: reason.to_owned(), kind, again_after })
}
