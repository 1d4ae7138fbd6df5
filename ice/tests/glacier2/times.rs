//! Times after which a router ends something.

use std::time::{Duration, Instant};

use ice::{
    Error,
    connection::{Acceptor, Options, connect},
    glacier2::{
        Session, key,
        router::{End, RouterOptions},
    },
    omero::{
        api::{RawFileStore, ServiceFactory},
        glacier2::Router,
    },
    wire::{Compression, Message},
};
use tokio::io::AsyncWriteExt;

use crate::{
    raw::{answer, call, create_session, logged_in, send},
    start::{file_store, root, router, start},
};

const MS: fn(u64) -> Duration = Duration::from_millis;

/// Neither heartbeats nor `refreshSession` keep what is behind the router; a call that is
/// worked on does.
#[tokio::test]
async fn sessions_that_nothing_is_called_in() {
    let options = RouterOptions { idle_timeout: MS(500), ..RouterOptions::default() };
    let running = start(options, Acceptor::default()).await;
    let options = Options::default().with_heartbeat(Some(MS(50)));
    let login = root().with_keep_alive(None);
    let session = Session::connect(&running.address, options, login).await.unwrap();
    let store = file_store(&session).await;
    session.invoke(&store, RawFileStore::truncate(900)).await.unwrap();
    for _ in 0..8 {
        tokio::time::sleep(MS(100)).await;
        // It may be over already, when the machine is slow.
        let _ = session.refresh().await;
    }
    assert_eq!(running.router.n_sessions(), 0);
    assert_eq!(*running.host.ended.lock().unwrap(), [End::Idle]);
    // The connection is open still, and says what is wrong.
    for _ in 0..2 {
        let error = session.invoke(&store, RawFileStore::size()).await.unwrap_err();
        let Error::SessionExpired(text) = &error else { panic!("{error}") };
        assert!(text.contains("exceeded timeToIdle"), "{text}");
    }
    assert_eq!(session.refresh().await, Err(Error::SessionNotExist));
    // One may log in again.
    let context = vec![(key::CLIENT_UUID.to_owned(), "x".to_owned())];
    let again = Router::create_session("root", "secret");
    session.client().invoke(&router(), again, context).await.unwrap();
    assert_eq!(running.router.n_sessions(), 1);
}

/// Any message of the client keeps the router's own session, even one without a call. Who was
/// silent for too long has no session any more, but a connection: it learns with its next call.
#[tokio::test]
async fn clients_that_are_silent() {
    let options = RouterOptions { session_timeout: MS(2000), ..RouterOptions::default() };
    let running = start(options, Acceptor::default()).await;
    let login = root().with_keep_alive(None);
    let beats = Options::default().with_heartbeat(Some(MS(100)));
    let beats = Session::connect(&running.address, beats, login.clone()).await.unwrap();
    let silent = Options::default().with_heartbeat(None);
    let silent = Session::connect(&running.address, silent, login).await.unwrap();
    assert_eq!(silent.session_timeout(), Some(Duration::from_secs(2)));
    running.until_sessions(1).await;
    assert_eq!(*running.host.ended.lock().unwrap(), [End::TimedOut]);
    // Nobody has told the client: its connection is as it was.
    let told = tokio::time::timeout(MS(500), silent.client().ended()).await;
    assert!(told.is_err() && !silent.client().is_closed());
    assert_eq!(running.router.n_connections(), 2);
    // The next call is not answered: the connection ends.
    let error = silent.invoke_own(ServiceFactory::get_config_service()).await.unwrap_err();
    assert!(matches!(error, Error::Lost { .. }), "{error}");
    tokio::time::sleep(MS(2200)).await;
    assert_eq!(running.router.n_connections(), 1);
    beats.invoke_own(ServiceFactory::get_config_service()).await.unwrap();
}

/// The router's own operations are no exception: whatever is called first ends the connection.
#[tokio::test]
async fn calls_of_the_router_after_the_time() {
    let options = RouterOptions { session_timeout: MS(300), ..RouterOptions::default() };
    let running = start(options, Acceptor::default()).await;
    let calls = [
        create_session("root", "secret"),
        call("getCategoryForClient", 1, Vec::new()),
        call("refreshSession", 0, Vec::new()),
        call("ice_ping", 1, Vec::new()),
    ];
    for call in calls {
        let operation = call.operation.clone();
        let mut stream = logged_in(&running).await;
        running.until_sessions(0).await;
        send(&mut stream, 2, call).await;
        assert_eq!(answer(&mut stream).await, None, "{operation}");
    }
    assert_eq!(running.router.n_sessions(), 0);
}

/// A connection whose session has ended is not kept for ever, whatever else is sent on it, and
/// whichever time there is.
#[tokio::test]
async fn connections_whose_session_has_ended() {
    for (session_timeout, heartbeats) in [(Duration::ZERO, false), (MS(600), true)] {
        let options =
            RouterOptions { session_timeout, idle_timeout: MS(200), ..RouterOptions::default() };
        let running = start(options, Acceptor::default()).await;
        let mut stream = logged_in(&running).await;
        let beat = Message::Validate.encode(Compression::Never).unwrap();
        let ends = async {
            while running.router.n_connections() > 0 {
                if heartbeats {
                    // It may be closed already.
                    let _ = stream.write_all(&beat).await;
                }
                tokio::time::sleep(MS(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), ends).await.unwrap();
        assert_eq!(*running.host.ended.lock().unwrap(), [End::Idle]);
    }
}

/// A call that takes longer than a client may be silent is answered all the same.
#[tokio::test]
async fn calls_that_outlive_their_session() {
    let options = RouterOptions { session_timeout: MS(400), ..RouterOptions::default() };
    let running = start(options, Acceptor::default()).await;
    let silent = Options::default().with_heartbeat(None);
    let login = root().with_keep_alive(None);
    let session = Session::connect(&running.address, silent, login).await.unwrap();
    let store = file_store(&session).await;
    session.invoke(&store, RawFileStore::truncate(2000)).await.unwrap();
    assert_eq!(*running.host.ended.lock().unwrap(), [End::TimedOut]);
    let error = session.invoke(&store, RawFileStore::size()).await.unwrap_err();
    assert!(matches!(error, Error::Lost { .. }), "{error}");
}

/// Times that no clock can tell are as good as none.
#[tokio::test]
async fn times_without_an_end() {
    let options = RouterOptions {
        session_timeout: Duration::MAX,
        idle_timeout: Duration::MAX,
        login_timeout: Duration::MAX,
        ..RouterOptions::default()
    };
    let running = start(options, Acceptor::default()).await;
    let mut stream = logged_in(&running).await;
    for operation in ["getSessionTimeout", "getACMTimeout"] {
        send(&mut stream, 2, call(operation, 1, Vec::new())).await;
        let (_, body) = answer(&mut stream).await.unwrap();
        assert_eq!(body.status(), 0, "{operation}: {body:?}");
    }
}

/// A client that says nothing any more does not keep its connection for ever.
#[tokio::test]
async fn clients_that_never_call_again() {
    let options = RouterOptions { session_timeout: MS(600), ..RouterOptions::default() };
    let running = start(options, Acceptor::default()).await;
    let began = Instant::now();
    let silent = Options::default().with_heartbeat(None);
    let login = root().with_keep_alive(None);
    let silent = Session::connect(&running.address, silent, login).await.unwrap();
    running.until_sessions(0).await;
    tokio::time::timeout(Duration::from_secs(20), silent.client().ended()).await.unwrap();
    assert!(began.elapsed() >= MS(1200), "{:?}", began.elapsed());
}

#[tokio::test]
async fn clients_that_do_not_log_in() {
    let options = RouterOptions { login_timeout: MS(300), ..RouterOptions::default() };
    let running = start(options, Acceptor::default()).await;
    let began = Instant::now();
    let (client, connection) = connect(&running.address, Options::default()).await.unwrap();
    tokio::spawn(connection.run());
    // What is asked of the router meanwhile, and wrong passwords, change nothing.
    while !client.is_closed() && began.elapsed() < Duration::from_secs(10) {
        let context = vec![(key::CLIENT_UUID.to_owned(), "x".to_owned())];
        let wrong = Router::create_session("root", "wrong");
        assert!(client.invoke(&router(), wrong, context).await.is_err());
        tokio::time::sleep(MS(50)).await;
    }
    assert!(began.elapsed() >= MS(300) && began.elapsed() < Duration::from_secs(10));
    // Who does not even begin TLS or send a word has no more time.
    let silent = tokio::net::TcpStream::connect(("127.0.0.1", running.address.port)).await.unwrap();
    let session = running.root().await;
    tokio::time::sleep(MS(600)).await;
    session.refresh().await.unwrap();
    assert_eq!(running.router.n_connections(), 1);
    drop(silent);
}
