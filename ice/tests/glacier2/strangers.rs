//! What who is not let in may ask for.

use ice::{
    Error,
    connection::{Acceptor, Options},
    glacier2::{
        key,
        router::{End, RouterOptions},
    },
    omero::{
        api::{RawFileStore, ServiceFactory},
        glacier2,
        ice::Router as Base,
    },
    typed::Bytes,
    wire::{
        Call, Compression, Encapsulation, Encoding, Endpoint, HEADER_BYTES, Header, Limits,
        Message, MessageKind, Proxy, Request,
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::start::{Running, file_store, router};

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

async fn next(stream: &mut TcpStream) -> Option<Message> {
    let mut head = [0; HEADER_BYTES];
    stream.read_exact(&mut head).await.ok()?;
    let header = Header::decode(&head, &Limits::default()).unwrap();
    let mut body = vec![0; header.n_bytes - HEADER_BYTES];
    stream.read_exact(&mut body).await.ok()?;
    Some(Message::decode(&header, Bytes::from(body), &Limits::default()).unwrap())
}

/// A call of a plane without a signal, as bzip2 has it: some thousand times as short.
fn blank_plane() -> Vec<u8> {
    let plane = Message::Request(Request { id: 2, call: table(vec![0; 8 << 20]) });
    let plain = plane.encode(Compression::Never).unwrap();
    let mut bytes = vec![0; HEADER_BYTES];
    bytes.extend((plain.len() as i32).to_le_bytes());
    let mut stream = bzip2::write::BzEncoder::new(&mut bytes, bzip2::Compression::new(1));
    std::io::Write::write_all(&mut stream, &plain[HEADER_BYTES..]).unwrap();
    stream.finish().unwrap();
    let (kind, compression) = (MessageKind::Request, Compression::Bzip2);
    let header = Header { kind, compression, n_bytes: bytes.len() };
    bytes[..HEADER_BYTES].copy_from_slice(&header.encode().unwrap());
    assert!(bytes.len() * 1000 < plain.len(), "{}", bytes.len());
    bytes
}

/// Who is let in may send what compresses well; who is not may not.
#[tokio::test]
async fn planes_without_a_signal() {
    let running = Running::plain().await;
    for is_let_in in [true, false] {
        let mut stream = TcpStream::connect(("127.0.0.1", running.address.port)).await.unwrap();
        assert_eq!(next(&mut stream).await, Some(Message::Validate));
        if is_let_in {
            let create = glacier2::Router::create_session("root", "secret");
            let call = Call {
                operation: "createSession".to_owned(),
                mode: 0,
                context: vec![(key::CLIENT_UUID.to_owned(), "x".to_owned())],
                parameters: create.encode(Encoding::V1_1).unwrap(),
                ..table(Vec::new())
            };
            let request = Message::Request(Request { id: 1, call });
            stream.write_all(&request.encode(Compression::Never).unwrap()).await.unwrap();
            let Some(Message::Reply(reply)) = next(&mut stream).await else { panic!() };
            assert_eq!(reply.body.status(), 0);
        }
        stream.write_all(&blank_plane()).await.unwrap();
        // Its arguments are none; but it was read.
        let answer = next(&mut stream).await;
        let is_answered = matches!(&answer, Some(Message::Reply(reply)) if (reply.id, reply.body.status()) == (2, 5));
        assert_eq!(is_answered, is_let_in, "{answer:?}");
    }
}
