//! Connections that end, and peers that do what they should not.

use std::time::Duration;

use ice::{
    Error,
    connection::{Options, connect},
    wire::{Encapsulation, Encoding, Message, Mode, Reply, ReplyBody},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    raw::{listen, next, send},
    server::{Server, call, object},
};

/// What calls of each mode end with when the peer does `then` after it has read all of them.
async fn ends<F>(then: impl FnOnce(TcpStream) -> F + Send + 'static) -> [Error; 2]
where
    F: Future<Output = ()> + Send,
{
    let (listener, address) = listen().await;
    let peer = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        send(&mut stream, &Message::Validate).await;
        for _ in 0..2 {
            assert!(matches!(next(&mut stream).await, Some(Message::Request(_))));
        }
        then(stream).await;
    });
    let (client, connection) = connect(&address, Options::default()).await.unwrap();
    tokio::spawn(connection.run());
    let (normal, idempotent) = tokio::join!(
        client.call(call("a", Mode::Normal, vec![])),
        client.call(call("b", Mode::Idempotent, vec![]))
    );
    peer.await.unwrap();
    assert!(client.is_closed());
    let late = client.call(call("c", Mode::Normal, vec![])).await.unwrap_err();
    assert!(late.may_repeat(), "{late}");
    [normal.unwrap_err(), idempotent.unwrap_err()]
}

fn reply(id: i32, n_bytes: usize) -> Message {
    let content = Encapsulation::new(Encoding::V1_1, vec![0; n_bytes]);
    Message::Reply(Reply { id, body: ReplyBody::Ok(content) })
}

#[tokio::test]
async fn a_server_that_is_gone() {
    let [normal, idempotent] = ends(|stream| async move { drop(stream) }).await;
    assert!(matches!(normal, Error::Lost { may_repeat: false, .. }), "{normal}");
    assert!(normal.to_string().contains("not known"), "{normal}");
    assert!(idempotent.may_repeat(), "{idempotent}");
}

#[tokio::test]
async fn a_connection_that_is_cut_in_a_message() {
    for cut in [1, 13, 14, 20, 500] {
        let [normal, idempotent] = ends(move |mut stream| async move {
            let bytes = reply(1, 1000).encode(ice::wire::Compression::Never).unwrap();
            stream.write_all(&bytes[..cut]).await.unwrap();
        })
        .await;
        assert!(normal.to_string().contains("in the middle of a message"), "{cut}: {normal}");
        assert!(!normal.may_repeat() && idempotent.may_repeat());
    }
}

/// What a server did not answer before it said goodbye, it did not do.
#[tokio::test]
async fn a_server_that_says_goodbye() {
    let [normal, idempotent] =
        ends(|mut stream| async move { send(&mut stream, &Message::Close).await }).await;
    assert!(normal.may_repeat() && idempotent.may_repeat(), "{normal}");
}

#[tokio::test]
async fn bytes_that_are_no_message() {
    let [normal, _] =
        ends(|mut stream| async move { stream.write_all(&[b'x'; 100]).await.unwrap() }).await;
    assert!(normal.to_string().contains("not with `IceP`"), "{normal}");
}

#[tokio::test]
async fn a_connection_whose_task_is_stopped() {
    let server = Server::plain().await;
    let (client, connection) = connect(&server.address, Options::default()).await.unwrap();
    let task = tokio::spawn(connection.run());
    client.ping(&object()).await.unwrap();
    let other = client.clone();
    let waiting =
        tokio::spawn(async move { other.call(crate::server::slow(60_000, Mode::Normal)).await });
    while client.n_waiting() == 0 {
        tokio::task::yield_now().await;
    }
    task.abort();
    let error = waiting.await.unwrap().unwrap_err();
    assert!(error.to_string().contains("was stopped"), "{error}");
}

#[tokio::test]
async fn servers_that_are_none() {
    let (listener, address) = listen().await;
    let short = || Options::default().with_connect_timeout(Duration::from_millis(50));
    // It says nothing.
    let error = connect(&address, short()).await.unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error}");
    // It says something else.
    let peer = tokio::spawn(async move {
        drop(listener.accept().await.unwrap());
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"SSH-2.0-OpenSSH_9.6\r\n").await.unwrap();
        let _ = stream.read_u8().await;
        listener
    });
    let error = connect(&address, Options::default()).await.unwrap_err();
    assert!(error.to_string().contains("is this the port of an Ice server"), "{error}");
    drop(peer.await.unwrap());
    // It is not there.
    let error = connect(&address, Options::default()).await.unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{error}");
}

#[tokio::test]
async fn heartbeats_are_sent_and_passed_over() {
    let (listener, address) = listen().await;
    let told = std::sync::Arc::new(tokio::sync::Notify::new());
    let enough = told.clone();
    let peer = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        send(&mut stream, &Message::Validate).await;
        let Some(Message::Request(request)) = next(&mut stream).await else { panic!() };
        // Between a call and its answer, and byte by byte.
        let mut bytes = Message::Validate.encode(ice::wire::Compression::Never).unwrap();
        bytes.extend(reply(request.id, 3).encode(ice::wire::Compression::Never).unwrap());
        for byte in bytes {
            stream.write_all(&[byte]).await.unwrap();
            tokio::task::yield_now().await;
        }
        let mut n_heartbeats = 0;
        loop {
            match next(&mut stream).await {
                Some(Message::Validate) => n_heartbeats += 1,
                Some(Message::Close) => break,
                other => panic!("{other:?}"),
            }
            if n_heartbeats == 3 {
                enough.notify_one();
            }
        }
        assert!(n_heartbeats >= 3);
        assert_eq!(next(&mut stream).await, None);
    });
    let options = Options::default().with_heartbeat(Some(Duration::from_millis(20)));
    let (client, connection) = connect(&address, options).await.unwrap();
    let running = tokio::spawn(connection.run());
    client.call(call("a", Mode::Normal, vec![])).await.unwrap();
    told.notified().await;
    client.close().await;
    peer.await.unwrap();
    running.await.unwrap().unwrap();
}

/// A peer that is there and hangs: its TCP is alive, and says nothing.
#[tokio::test]
async fn a_peer_that_hangs() {
    let (listener, address) = listen().await;
    let (tell, told) = tokio::sync::oneshot::channel::<()>();
    let peer = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        send(&mut stream, &Message::Validate).await;
        // Slowly, but it says something: byte by byte for longer than it may be silent.
        let Some(Message::Request(first)) = next(&mut stream).await else { panic!() };
        for byte in reply(first.id, 10).encode(ice::wire::Compression::Never).unwrap() {
            stream.write_all(&[byte]).await.unwrap();
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
        // It works on a call for longer, and beats.
        let Some(Message::Request(second)) = next(&mut stream).await else { panic!() };
        for _ in 0..15 {
            send(&mut stream, &Message::Validate).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        send(&mut stream, &reply(second.id, 0)).await;
        for _ in 0..2 {
            assert!(matches!(next(&mut stream).await, Some(Message::Request(_))));
        }
        let _ = told.await;
        drop(stream);
    });
    let options = Options::default().with_peer_timeout(Some(Duration::from_secs(1)));
    let (client, connection) = connect(&address, options).await.unwrap();
    let running = tokio::spawn(connection.run());
    client.call(call("a", Mode::Normal, vec![])).await.unwrap();
    client.call(call("b", Mode::Normal, vec![])).await.unwrap();
    // While nothing is asked for, silence means nothing.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert!(!client.is_closed());
    let both = async {
        tokio::join!(
            client.call(call("c", Mode::Normal, vec![])),
            client.call(call("d", Mode::Idempotent, vec![]))
        )
    };
    let (normal, idempotent) = tokio::time::timeout(Duration::from_secs(20), both).await.unwrap();
    let (normal, idempotent) = (normal.unwrap_err(), idempotent.unwrap_err());
    assert!(normal.to_string().contains("sent nothing for 1s"), "{normal}");
    assert!(matches!(normal, Error::Lost { may_repeat: false, .. }), "{normal}");
    assert!(idempotent.may_repeat(), "{idempotent}");
    let ended = running.await.unwrap().unwrap_err();
    assert!(ended.to_string().contains("sent nothing"), "{ended}");
    tell.send(()).unwrap();
    peer.await.unwrap();
}

/// A call that is wrong inside is refused; the connection goes on.
#[tokio::test]
async fn calls_that_are_wrong_are_refused() {
    let server = Server::plain().await;
    let mut stream = TcpStream::connect(("127.0.0.1", server.address.port)).await.unwrap();
    assert_eq!(next(&mut stream).await, Some(Message::Validate));
    let request = |id| {
        Message::Request(ice::wire::Request { id, call: call("echo", Mode::Normal, vec![1, 2]) })
    };
    let mut bytes = request(5).encode(ice::wire::Compression::Never).unwrap();
    // The size of the encapsulation.
    let at = bytes.len() - 8;
    bytes[at] = 200;
    stream.write_all(&bytes).await.unwrap();
    let Some(Message::Reply(refused)) = next(&mut stream).await else { panic!() };
    assert_eq!((refused.id, refused.body.status()), (5, 5));
    send(&mut stream, &request(6)).await;
    let Some(Message::Reply(answer)) = next(&mut stream).await else { panic!() };
    assert_eq!((answer.id, answer.body.status()), (6, 0));
    // Two facets: the message as a whole is none.
    let mut bytes = request(7).encode(ice::wire::Compression::Never).unwrap();
    let facet = bytes.windows(5).position(|window| window == b"\x04test").unwrap() + 5;
    bytes[facet] = 2;
    bytes.splice(facet + 1..facet + 1, *b"\x01a\x01b");
    let n_bytes = bytes.len() as i32;
    bytes[10..14].copy_from_slice(&n_bytes.to_le_bytes());
    stream.write_all(&bytes).await.unwrap();
    assert_eq!(next(&mut stream).await, None);
}

/// A reply that does not decode fails its call alone.
#[tokio::test]
async fn answers_that_are_wrong_fail_their_calls() {
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        send(&mut stream, &Message::Validate).await;
        let Some(Message::Request(first)) = next(&mut stream).await else { panic!() };
        let mut bytes = reply(first.id, 1).encode(ice::wire::Compression::Never).unwrap();
        bytes[18] = 99;
        stream.write_all(&bytes).await.unwrap();
        // An answer to no call at all.
        send(&mut stream, &reply(4711, 0)).await;
        let Some(Message::Request(second)) = next(&mut stream).await else { panic!() };
        send(&mut stream, &reply(second.id, 2)).await;
        let _ = next(&mut stream).await;
    });
    let (client, connection) = connect(&address, Options::default()).await.unwrap();
    tokio::spawn(connection.run());
    let error = client.call(call("a", Mode::Normal, vec![])).await.unwrap_err();
    assert!(error.to_string().contains("no status 99"), "{error}");
    client.call(call("b", Mode::Normal, vec![])).await.unwrap();
}

/// Calls to a server that reads nothing wait, take no more memory than the queue has, and can
/// be given up.
#[tokio::test]
async fn a_server_that_does_not_read() {
    let (listener, address) = listen().await;
    let (tell, told) = tokio::sync::oneshot::channel::<()>();
    let peer = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        send(&mut stream, &Message::Validate).await;
        told.await.unwrap();
        // It wakes up: calls that were given up before they were sent do not come.
        let mut n_calls = 0;
        while let Some(message) = next(&mut stream).await {
            let Message::Request(request) = message else { break };
            n_calls += 1;
            if request.call.operation == "last" {
                send(&mut stream, &reply(request.id, 0)).await;
            }
        }
        n_calls
    });
    let options = Options::default().with_call_timeout(Some(Duration::from_millis(100)));
    let (client, connection) = connect(&address, options).await.unwrap();
    tokio::spawn(connection.run());
    let calls = (0..200).map(|_| client.call(call("large", Mode::Normal, vec![0; 1 << 20])));
    for answer in futures_util::future::join_all(calls).await {
        assert!(matches!(answer, Err(Error::Timeout { .. })), "{answer:?}");
    }
    assert_eq!(client.n_waiting(), 0);
    tell.send(()).unwrap();
    let last = call("last", Mode::Normal, vec![]);
    client.call_within(last, Some(Duration::from_secs(20))).await.unwrap();
    client.close().await;
    let n_calls = peer.await.unwrap();
    assert!(n_calls < 100, "{n_calls}");
}

/// A peer that reads slowly takes longer for a call than it may be silent, and is there.
#[tokio::test]
async fn a_peer_that_reads_slowly() {
    let (listener, address) = listen().await;
    let peer = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        send(&mut stream, &Message::Validate).await;
        let n_bytes = {
            let mut head = [0; ice::wire::HEADER_BYTES];
            stream.read_exact(&mut head).await.unwrap();
            i32::from_le_bytes(head[10..].try_into().unwrap()) as usize - head.len()
        };
        // More than the system keeps for it, for several times the time.
        let mut left = n_bytes;
        let mut some = vec![0; 1 << 20];
        while left > 0 {
            let most = left.min(some.len());
            stream.read_exact(&mut some[..most]).await.unwrap();
            left -= most;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        send(&mut stream, &reply(1, 0)).await;
        let Some(Message::Request(_)) = next(&mut stream).await else { panic!() };
        // What comes then is not even read.
        std::future::pending::<()>().await;
    });
    let time = Duration::from_secs(1);
    let options = Options::default().with_peer_timeout(Some(time));
    let (client, connection) = connect(&address, options).await.unwrap();
    tokio::spawn(connection.run());
    let begun = std::time::Instant::now();
    client.call(call("a", Mode::Normal, vec![0; 60 << 20])).await.unwrap();
    assert!(begun.elapsed() > 2 * time, "{:?}", begun.elapsed());
    // A peer that reads no more is found out, also by a call that cannot be sent.
    let small = client.call(call("b", Mode::Normal, vec![]));
    let large = async {
        tokio::time::sleep(time / 2).await;
        client.tell(call("c", Mode::Normal, vec![0; 60 << 20])).await.unwrap();
        client.call(call("d", Mode::Normal, vec![])).await
    };
    let both = async { tokio::join!(small, large) };
    let (small, large) = tokio::time::timeout(Duration::from_secs(20), both).await.unwrap();
    assert!(matches!(small, Err(Error::Lost { may_repeat: false, .. })), "{small:?}");
    // It was not sent.
    assert!(matches!(large, Err(Error::Lost { may_repeat: true, .. })), "{large:?}");
    peer.abort();
}

/// A peer that takes nothing is found out by calls that could not even be sent.
#[tokio::test]
async fn a_peer_that_reads_nothing() {
    let (listener, address) = listen().await;
    let peer = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        send(&mut stream, &Message::Validate).await;
        std::future::pending::<()>().await;
    });
    let options = Options::default().with_peer_timeout(Some(Duration::from_millis(400)));
    let (client, connection) = connect(&address, options).await.unwrap();
    tokio::spawn(connection.run());
    client.tell(call("a", Mode::Normal, vec![0; 60 << 20])).await.unwrap();
    // While nobody waits for an answer it does not matter.
    tokio::time::sleep(Duration::from_millis(800)).await;
    assert!(!client.is_closed());
    let waits = client.call(call("b", Mode::Normal, vec![]));
    let error = tokio::time::timeout(Duration::from_secs(20), waits).await.unwrap().unwrap_err();
    assert!(error.may_repeat() && error.to_string().contains("sent nothing"), "{error}");
    peer.abort();
}

/// No time at all is none: nothing hangs that has not begun.
#[tokio::test]
async fn times_of_nothing() {
    let server = Server::plain().await;
    let options = Options::default().with_peer_timeout(Some(Duration::ZERO));
    let client = server.client(options.with_heartbeat(Some(Duration::ZERO))).await;
    client.call(crate::server::slow(100, Mode::Normal)).await.unwrap();
    assert!(!client.is_closed());
}
