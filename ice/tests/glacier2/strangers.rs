//! What who is not let in may ask for.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::BoxFuture;
use ice::{
    Error,
    connection::{Acceptor, Options},
    glacier2::router::{End, Host, LoginRequest, Made, Refusal, Router, RouterOptions},
    omero::{
        api::{RawFileStore, ServiceFactory},
        ice::Router as Base,
    },
    typed::Bytes,
    wire::{
        Call, Compression, Encapsulation, Encoding, Endpoint, HEADER_BYTES, Header, Limits,
        Message, Proxy,
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::{
    raw::{answer, call, create_session, logged_in, send, squeezed, stranger},
    start::{Running, file_store, router},
};

/// A call of the router's table with arguments that are none.
fn table(content: Vec<u8>) -> Call {
    Call {
        identity: router().identity,
        facet: String::new(),
        operation: "addProxies".to_owned(),
        mode: 2,
        context: Vec::new(),
        parameters: Encapsulation::new(Encoding::V1_1, content),
        limits: Limits::default(),
    }
}

#[tokio::test]
async fn arguments_of_strangers_are_not_read() {
    let running = Running::plain().await;
    let client = running.client().await;
    // Arguments that cannot be read would be another answer, as they are with a session.
    assert_eq!(client.call(table(vec![200])).await.unwrap().status(), 2);
    let session = running.root().await;
    assert_eq!(session.client().call(table(vec![200])).await.unwrap().status(), 5);
}

#[tokio::test]
async fn long_messages_of_strangers_end_the_connection() {
    let running = Running::plain().await;
    let client = running.client().await;
    assert_eq!(client.call(table(vec![0; 1 << 19])).await.unwrap().status(), 2);
    let error = client.call(table(vec![0; 1 << 20])).await.unwrap_err();
    assert!(matches!(error, Error::Lost { .. }), "{error}");
    // With a session they may be as long as the options say.
    let session = running.root().await;
    let store = file_store(&session).await;
    let content = Bytes::from(vec![1; 4 << 20]);
    session.invoke(&store, RawFileStore::write(content, 0, 0)).await.unwrap();
}

#[tokio::test]
async fn batches_of_strangers_are_short() {
    let running = Running::plain().await;
    for (n, is_kept) in [(16, true), (17, false)] {
        let address = ("127.0.0.1", running.address.port);
        let mut stream = TcpStream::connect(address).await.unwrap();
        let mut head = [0; 14];
        stream.read_exact(&mut head).await.unwrap();
        let call = Call { operation: "ice_ping".to_owned(), ..table(Vec::new()) };
        let batch = Message::Batch(vec![call; n]).encode(Compression::Never).unwrap();
        stream.write_all(&batch).await.unwrap();
        let wait = std::time::Duration::from_millis(500);
        let read = tokio::time::timeout(wait, stream.read(&mut head)).await;
        assert_eq!(read.is_err(), is_kept, "{n} calls: {read:?}");
    }
}

/// The limits of a connection are also those of the arguments: of the router, and of sessions.
#[tokio::test]
async fn arguments_are_within_the_limits_of_the_connection() {
    let limits = Limits { endpoints: 1, ..Limits::default() };
    let options = Options::default().with_limits(limits);
    let acceptor = Acceptor { options, ..Acceptor::default() };
    let running = crate::start::start(RouterOptions::default(), acceptor).await;
    let session = running.root().await;
    for (n, is_refused) in [(1, false), (2, true)] {
        let host = "localhost".to_owned();
        let endpoint = Endpoint::Udp { host, port: 1, versions: None, compress: false };
        let proxy = Proxy { endpoints: vec![endpoint; n], ..router() };
        let proxies = Base::add_proxies(vec![Some(proxy.clone())]);
        let told = session.client().invoke(&router(), proxies, vec![]).await;
        assert_eq!(told.is_err(), is_refused, "{n} endpoints: {told:?}");
        let set = ServiceFactory::set_callback(Some(proxy));
        let set = session.invoke_own(set).await;
        assert_eq!(set.is_err(), is_refused, "{n} endpoints: {set:?}");
    }
}

/// Strangers keep nobody busy: what they send compressed is short, and no answer to them is
/// compressed.
#[tokio::test]
async fn compressed_messages_of_strangers() {
    let running = Running::plain().await;
    let port = running.address.port;
    let mut stream = stranger(port).await;
    let long = |n| Call { facet: "x".repeat(n), ..table(Vec::new()) };
    stream.write_all(&squeezed(2, long(8000))).await.unwrap();
    let mut head = [0; HEADER_BYTES];
    stream.read_exact(&mut head).await.unwrap();
    let header = Header::decode(&head, &Limits::default()).unwrap();
    assert_eq!(header.compression, Compression::Understood);
    assert!(header.n_bytes > 8000, "{header:?}");
    // A login that is compressed is one.
    let mut body = vec![0; header.n_bytes - HEADER_BYTES];
    stream.read_exact(&mut body).await.unwrap();
    stream.write_all(&squeezed(3, create_session("root", "secret"))).await.unwrap();
    assert_eq!(answer(&mut stream).await.unwrap().1.status(), 0);
    stream.write_all(&squeezed(4, long(80_000))).await.unwrap();
    assert_eq!(answer(&mut stream).await.unwrap().1.status(), 3);
    let mut stream = stranger(port).await;
    stream.write_all(&squeezed(2, long(20_000))).await.unwrap();
    assert_eq!(answer(&mut stream).await, None);
}

/// One connection has so many calls, and so many wrong passwords, before somebody is let in.
#[tokio::test]
async fn strangers_that_ask_often() {
    let running = Running::plain().await;
    for (calls, is_kept) in [
        (vec![call("ice_ping", 1, Vec::new()); 100], true),
        (vec![create_session("root", "wrong"); 10], true),
        (vec![call("ice_ping", 1, Vec::new()); 101], false),
        (vec![create_session("root", "wrong"); 11], false),
    ] {
        let mut stream = stranger(running.address.port).await;
        let n = calls.len();
        for (at, call) in calls.into_iter().enumerate() {
            send(&mut stream, 1, call).await;
            let is_answered = answer(&mut stream).await.is_some();
            assert_eq!(is_answered, is_kept || at + 1 < n, "call {at} of {n}");
        }
    }
    // Who was let in may ask as often as it likes.
    let mut stream = logged_in(&running).await;
    for _ in 0..120 {
        send(&mut stream, 1, call("ice_ping", 1, Vec::new())).await;
        assert!(answer(&mut stream).await.is_some());
    }
}

/// A host that never answers.
struct Hangs;

impl Host for Hangs {
    fn create(&self, _: LoginRequest) -> BoxFuture<'_, Result<Made, Refusal>> {
        Box::pin(std::future::pending())
    }
}

/// Logins of connections that are gone, or had no more time, take no session's place.
#[tokio::test]
async fn logins_that_hang() {
    let login_timeout = Duration::from_millis(300);
    let options = RouterOptions { sessions: 2, login_timeout, ..RouterOptions::default() };
    let router = Router::new(options, Arc::new(Hangs));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = router.clone();
    tokio::spawn(async move { serving.serve(listener, Acceptor::default()).await });
    for goes in [true, false] {
        let mut streams = Vec::new();
        for _ in 0..2 {
            let mut stream = stranger(port).await;
            send(&mut stream, 1, create_session("root", "secret")).await;
            streams.push(stream);
        }
        // It may be over already, when the machine is slow.
        let began = Instant::now();
        while router.n_sessions() < 2 && began.elapsed() < login_timeout {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        if goes {
            streams.clear();
        }
        let free = async {
            while router.n_sessions() > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), free).await.unwrap();
    }
}

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

/// Who is let in may send what compresses well; who is not may not.
#[tokio::test]
async fn planes_without_a_signal() {
    let running = Running::plain().await;
    let blank = squeezed(2, table(vec![0; 8 << 20]));
    assert!(blank.len() < 8 << 10, "{}", blank.len());
    for is_let_in in [true, false] {
        let mut stream = match is_let_in {
            true => logged_in(&running).await,
            false => stranger(running.address.port).await,
        };
        stream.write_all(&blank).await.unwrap();
        // Its arguments are none; but it was read.
        let answer = answer(&mut stream).await.map(|(id, body)| (id, body.status()));
        assert_eq!(answer, is_let_in.then_some((2, 5)));
    }
}
