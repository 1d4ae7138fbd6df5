//! What who is not let in may ask for.

use ice::{
    Error,
    glacier2::router::End,
    omero::api::RawFileStore,
    typed::Bytes,
    wire::{Call, Compression, Encapsulation, Encoding, Message},
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
