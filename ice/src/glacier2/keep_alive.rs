//! What keeps a session that is not used.

use std::time::Duration;

use super::Session;
use crate::{Error, omero::api::ServiceFactory};

/// Tells the router, and OMERO's session behind it, that the client is there, until the
/// session or the connection has ended. It is stopped when nobody has the session any more, also
/// while it waits for an answer.
pub(super) async fn run(session: Session, interval: Duration) {
    let mut is_omero = true;
    loop {
        tokio::time::sleep(interval).await;
        if matches!(session.refresh().await, Err(Error::SessionNotExist | Error::Lost { .. })) {
            return;
        }
        if !is_omero || session.object().is_none() {
            continue;
        }
        // Only calls that come to the session itself keep it.
        match session.invoke_own(ServiceFactory::keep_all_alive(Vec::new())).await {
            Err(Error::NotExist { what: "operation", .. }) => is_omero = false,
            Err(
                Error::NotExist { .. }
                | Error::SessionExpired(_)
                | Error::SessionNotExist
                | Error::Lost { .. },
            ) => return,
            _ => {}
        }
    }
}
