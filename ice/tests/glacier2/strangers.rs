//! What who is not let in may ask for.

use ice::glacier2::router::End;

use crate::start::Running;

/// A host may end a session from any thread.
#[tokio::test]
async fn sessions_that_end_outside_of_a_runtime() {
    let running = Running::plain().await;
    let session = running.root().await;
    let peer = running.host.peer.lock().unwrap().take().unwrap();
    let thread = std::thread::spawn(move || peer.end_session());
    assert!(thread.join().is_ok());
    running.until_sessions(0).await;
    session.client().ended().await;
    assert_eq!(*running.host.ended.lock().unwrap(), [End::Destroyed]);
}
