//! Calls and their answers.

use std::{sync::atomic::Ordering, time::Duration};

use ice::{
    Error,
    connection::{Acceptor, Options, Scheme},
    wire::{Compression, Identity, Limits, Mode, ReplyBody},
};

use crate::server::{Server, call, object, slow};

fn content(body: ReplyBody) -> bytes::Bytes {
    match body {
        ReplyBody::Ok(content) => content.content.joined(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn objects_answer_over_tcp_and_websocket() {
    for scheme in [Scheme::Tcp, Scheme::Ws] {
        let server = Server::start(scheme, Acceptor::default()).await;
        let client = server.client(Options::default()).await;
        client.ping(&object()).await.unwrap();
        for n_bytes in [0, 1, 200_000, 8 << 20] {
            let bytes: Vec<u8> = (0..n_bytes).map(|at| (at % 251) as u8).collect();
            let answer = client.call(call("echo", Mode::Normal, bytes.clone())).await.unwrap();
            assert!(content(answer) == bytes, "{n_bytes} bytes over {scheme:?}");
        }
        let error = client.ping(&Identity::named("nobody")).await.unwrap_err();
        assert!(matches!(&error, Error::NotExist { what: "object", .. }), "{error}");
        let missing = client.call(call("nothing", Mode::Normal, vec![])).await.unwrap();
        assert_eq!(missing.status(), 4);
        client.close().await;
        let error = client.ping(&object()).await.unwrap_err();
        assert!(matches!(error, Error::Lost { may_repeat: true, .. }), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_calls_at_a_time_each_get_their_own_answer() {
    let server = Server::plain().await;
    let client = server.client(Options::default()).await;
    let calls = (0..1000u32).map(|at| {
        let client = client.clone();
        tokio::spawn(async move {
            // The first wait longest, so that answers come in another order.
            let ms = (1000 - at) / 20;
            let mut bytes = ms.to_le_bytes().to_vec();
            bytes.extend(at.to_le_bytes());
            let answer = client.call(call("slow", Mode::Normal, bytes.clone())).await.unwrap();
            assert_eq!(content(answer), bytes);
        })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap();
    }
    assert_eq!(client.n_waiting(), 0);
}

#[tokio::test]
async fn no_more_calls_are_in_flight_than_allowed() {
    let server = Server::plain().await;
    let client = server.client(Options::default().with_calls_in_flight(4)).await;
    let calls = (0..40).map(|_| client.call(slow(5, Mode::Normal)));
    for answer in futures_util::future::join_all(calls).await {
        answer.unwrap();
    }
    assert_eq!(server.echo.most.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn a_peer_works_on_no_more_calls_than_it_allows() {
    let options = Options::default().with_dispatches(3);
    let acceptor = Acceptor { options, ..Acceptor::default() };
    let server = Server::start(Scheme::Tcp, acceptor).await;
    let client = server.client(Options::default()).await;
    let calls = (0..30).map(|_| client.call(slow(5, Mode::Normal)));
    for answer in futures_util::future::join_all(calls).await {
        answer.unwrap();
    }
    assert_eq!(server.echo.most.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn calls_have_deadlines() {
    let server = Server::plain().await;
    let options = Options::default().with_call_timeout(Some(Duration::from_millis(30)));
    let client = server.client(options).await;
    let error = client.call(slow(150, Mode::Normal)).await.unwrap_err();
    assert!(error.to_string().contains("`slow` did not come within 30ms"), "{error}");
    assert!(!error.may_repeat() && error.to_string().contains("not known"), "{error}");
    let error = client.call(slow(150, Mode::Idempotent)).await.unwrap_err();
    assert!(matches!(error, Error::Timeout { may_repeat: true, .. }), "{error}");
    assert!(error.may_repeat() && error.to_string().contains("tried again"), "{error}");
    assert_eq!(client.n_waiting(), 0);
    // The late answer is nobody's, and the connection goes on.
    tokio::time::sleep(Duration::from_millis(200)).await;
    client.ping(&object()).await.unwrap();
    client.call_within(slow(60, Mode::Normal), None).await.unwrap();
}

/// A call that had to wait for others was not sent: it may be made again, whatever it is.
#[tokio::test]
async fn calls_that_were_not_sent_in_time() {
    let server = Server::plain().await;
    let client = server.client(Options::default().with_calls_in_flight(1)).await;
    let first = client.call(slow(400, Mode::Normal));
    let second = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let within = Some(Duration::from_millis(50));
        client.call_within(call("echo", Mode::Normal, vec![]), within).await
    };
    let (first, second) = tokio::join!(first, second);
    first.unwrap();
    let error = second.unwrap_err();
    assert!(matches!(error, Error::Timeout { may_repeat: true, .. }), "{error}");
}

#[tokio::test]
async fn calls_that_are_dropped_make_room() {
    let server = Server::plain().await;
    let client = server.client(Options::default().with_calls_in_flight(2)).await;
    for _ in 0..10 {
        let waiting = client.call(slow(10_000, Mode::Normal));
        tokio::time::timeout(Duration::from_millis(5), waiting).await.unwrap_err();
    }
    assert_eq!(client.n_waiting(), 0);
    client.ping(&object()).await.unwrap();
}

#[tokio::test]
async fn closing_waits_for_answers() {
    let server = Server::plain().await;
    let client = server.client(Options::default()).await;
    let other = client.clone();
    let waiting = tokio::spawn(async move { other.call(slow(100, Mode::Normal)).await });
    while client.n_waiting() == 0 {
        tokio::task::yield_now().await;
    }
    client.close().await;
    waiting.await.unwrap().unwrap();
    assert!(client.is_closed());
}

#[tokio::test]
async fn closing_does_not_wait_for_ever() {
    let server = Server::plain().await;
    let options = Options::default().with_close_timeout(Duration::from_millis(30));
    let client = server.client(options).await;
    let other = client.clone();
    let waiting = tokio::spawn(async move { other.call(slow(60_000, Mode::Normal)).await });
    while client.n_waiting() == 0 {
        tokio::task::yield_now().await;
    }
    client.close().await;
    let error = waiting.await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Lost { may_repeat: false, .. }), "{error}");
}

#[tokio::test]
async fn messages_are_compressed_both_ways() {
    let server = Server::plain().await;
    let client = server.client(Options::default().with_compression(Compression::Bzip2)).await;
    let bytes = vec![7; 100_000];
    let answer = client.call(call("echo", Mode::Normal, bytes.clone())).await.unwrap();
    assert!(content(answer) == bytes);
}

#[tokio::test]
async fn messages_that_are_too_long_end_the_connection() {
    let limits = Limits { message_bytes: 10_000, ..Limits::default() };
    let options = Options::default().with_limits(limits);
    let server = Server::start(Scheme::Tcp, Acceptor { options, ..Acceptor::default() }).await;
    let client = server.client(Options::default()).await;
    client.call(call("echo", Mode::Normal, vec![0; 5_000])).await.unwrap();
    let error = client.call(call("echo", Mode::Normal, vec![0; 50_000])).await.unwrap_err();
    assert!(matches!(error, Error::Lost { .. }), "{error}");
}

/// Connections come and go without anything left of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_connections() {
    let server = Server::plain().await;
    let n_tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = n_tasks();
    let mut open = Vec::new();
    for at in 0..300 {
        let client = server.client(Options::default()).await;
        client.ping(&object()).await.unwrap();
        match at % 3 {
            0 => client.close().await,
            1 => drop(client),
            _ => open.push(client),
        }
    }
    // A task on each side has the connection and its memory.
    assert!(n_tasks() >= before + 200, "{}", n_tasks());
    drop(open);
    let gone = async {
        while n_tasks() > before {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), gone).await.unwrap();
}

/// Numbers of calls that a connection cannot have are made those that it can.
#[tokio::test]
async fn no_calls_and_any_number_of_calls() {
    for n in [0, usize::MAX] {
        let options = Options::default().with_calls_in_flight(n).with_dispatches(n);
        let acceptor = Acceptor { options: options.clone(), ..Acceptor::default() };
        let server = Server::start(Scheme::Tcp, acceptor).await;
        let client = server.client(options).await;
        let both = async {
            tokio::join!(client.call(slow(20, Mode::Normal)), client.call(slow(20, Mode::Normal)))
        };
        let both = tokio::time::timeout(Duration::from_secs(20), both).await.unwrap();
        assert!(both.0.is_ok() && both.1.is_ok());
        assert_eq!(server.echo.most.load(Ordering::SeqCst), if n == 0 { 1 } else { 2 });
    }
}

/// A servant that panics fails one call: its caller is told, and others go on.
#[tokio::test]
async fn servants_that_panic() {
    let server = Server::plain().await;
    let client = server.client(Options::default()).await;
    for operation in ["panic", "panic_late"] {
        let within = Some(Duration::from_secs(10));
        let other = client.call(slow(50, Mode::Normal));
        let panics = client.call_within(call(operation, Mode::Normal, vec![]), within);
        let (answer, other) = tokio::join!(panics, other);
        assert_eq!(answer.unwrap().status(), 7, "{operation}");
        other.unwrap();
    }
    client.ping(&object()).await.unwrap();
}
