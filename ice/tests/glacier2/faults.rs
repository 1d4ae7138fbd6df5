//! What happens on the way between a client and a router.

use std::time::Duration;

use ice::{
    Error,
    connection::{Acceptor, Address, Options, Scheme},
    glacier2::{Session, router::RouterOptions},
    omero::api::RawFileStore,
    typed::Bytes,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};

use crate::start::{Running, file_store, root};

/// What somebody on the way does to the bytes that the router sends.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    /// Lets them through.
    Open,
    /// One at a time.
    Crumbs,
    /// Some ten milliseconds late.
    Late,
    /// Not at all.
    Shut,
    /// Ends the connection after the next seven.
    Cut,
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut way: watch::Receiver<Way>) {
    let mut buffer = vec![0; 4096];
    loop {
        if way.wait_for(|way| *way != Way::Shut).await.is_err() {
            return;
        }
        let Ok(n @ 1..) = from.read(&mut buffer).await else { return };
        if way.wait_for(|way| *way != Way::Shut).await.is_err() {
            return;
        }
        let now = *way.borrow();
        let step = if now == Way::Crumbs { 1 } else { n };
        let n = if now == Way::Cut { n.min(7) } else { n };
        if now == Way::Late {
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        for part in buffer[..n].chunks(step) {
            if to.write_all(part).await.is_err() {
                return;
            }
            tokio::task::yield_now().await;
        }
        if now == Way::Cut {
            return;
        }
    }
}

/// Somebody between clients and a router.
async fn between(running: &Running) -> (Address, watch::Sender<Way>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (set, way) = watch::channel(Way::Open);
    let to = running.address.port;
    tokio::spawn(async move {
        loop {
            let (near, _) = listener.accept().await.unwrap();
            let far = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
            let ((near_read, near_write), (far_read, far_write)) =
                (near.into_split(), far.into_split());
            let back = tokio::spawn(pass_all(near_read, far_write));
            let way = way.clone();
            tokio::spawn(async move {
                pass(far_read, near_write, way).await;
                back.abort();
            });
        }
    });
    let address =
        Address { scheme: Scheme::Tcp, host: "127.0.0.1".to_owned(), port, path: "/".to_owned() };
    (address, set)
}

async fn pass_all(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
    let _ = tokio::io::copy(&mut from, &mut to).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_that_come_late_and_one_at_a_time() {
    let running = Running::plain().await;
    let (address, way) = between(&running).await;
    let session = Session::connect(&address, Options::default(), root()).await.unwrap();
    let store = file_store(&session).await;
    let content = Bytes::from((0..30_000).map(|at| at as u8).collect::<Vec<_>>());
    session.invoke(&store, RawFileStore::write(content.clone(), 0, 0)).await.unwrap();
    for now in [Way::Crumbs, Way::Late, Way::Open] {
        way.send(now).unwrap();
        let answer = session.invoke(&store, RawFileStore::read(0, 0)).await.unwrap();
        assert!(*answer.get().unwrap() == content);
    }
}

#[tokio::test]
async fn a_connection_that_is_cut_in_an_answer() {
    let running = Running::plain().await;
    let (address, way) = between(&running).await;
    let session = Session::connect(&address, Options::default(), root()).await.unwrap();
    let store = file_store(&session).await;
    // The router knows it then: else it would be the word of it that is lost.
    session.invoke(&store, RawFileStore::size()).await.unwrap();
    way.send(Way::Shut).unwrap();
    let safe = session.invoke(&store, RawFileStore::size());
    let unsafe_to_repeat = session.invoke(&store, RawFileStore::set_file_id(1));
    let cut = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        way.send(Way::Cut).unwrap();
    };
    let (safe, other, ()) = tokio::join!(safe, unsafe_to_repeat, cut);
    let (safe, other) = (safe.unwrap_err(), other.unwrap_err());
    assert!(matches!(safe, Error::Lost { may_repeat: true, .. }), "{safe}");
    assert!(matches!(other, Error::Lost { may_repeat: false, .. }), "{other}");
    assert!(other.to_string().contains("in the middle of a message"), "{other}");
    // The router's side ends the session.
    running.until_sessions(0).await;
    // A new session is made as the first was.
    way.send(Way::Open).unwrap();
    let session = Session::connect(&address, Options::default(), root()).await.unwrap();
    file_store(&session).await;
}

#[tokio::test]
async fn nothing_comes_any_more() {
    let running = Running::plain().await;
    let (address, way) = between(&running).await;
    let options = Options::default().with_call_timeout(Some(Duration::from_millis(200)));
    let session = Session::connect(&address, options, root()).await.unwrap();
    let store = file_store(&session).await;
    way.send(Way::Shut).unwrap();
    let error = session.invoke(&store, RawFileStore::size()).await.unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error}");
    way.send(Way::Open).unwrap();
    session.invoke(&store, RawFileStore::size()).await.unwrap();
}

/// A session that nobody has any more ends, also when what keeps it alive waits for an answer
/// that does not come.
#[tokio::test]
async fn a_session_is_dropped_while_it_is_kept_alive() {
    let running = Running::plain().await;
    let (address, way) = between(&running).await;
    let login = root().with_keep_alive(Some(Duration::from_millis(100)));
    let session = Session::connect(&address, Options::default(), login).await.unwrap();
    way.send(Way::Shut).unwrap();
    while session.client().n_waiting() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(running.router.n_sessions(), 1);
    drop(session);
    running.until_sessions(0).await;
}

/// The time of a typed call is that of the whole call: of what the router is told of the object
/// before, too. What it says of repeating is about the call, not about what was before it.
#[tokio::test]
async fn typed_calls_have_deadlines() {
    let running = Running::plain().await;
    let (address, way) = between(&running).await;
    let session = Session::connect(&address, Options::default(), root()).await.unwrap();
    let known = file_store(&session).await;
    let new = file_store(&session).await;
    session.invoke(&known, RawFileStore::size()).await.unwrap();
    way.send(Way::Shut).unwrap();
    let within = Some(Duration::from_millis(100));
    for (store, invocation, expected) in [
        (&known, RawFileStore::set_file_id(1), false),
        // It was not made: the router has not even said that it knows the object.
        (&new, RawFileStore::set_file_id(1), true),
    ] {
        let error = session.invoke_within(store, invocation, within).await.unwrap_err();
        let Error::Timeout { what, after, may_repeat } = &error else { panic!("{error}") };
        assert_eq!((what.as_str(), *may_repeat), ("the answer of `setFileId`", expected));
        assert_eq!(Some(*after), within);
    }
    let error = session.invoke_within(&known, RawFileStore::size(), within).await.unwrap_err();
    assert!(error.may_repeat(), "{error}");
    way.send(Way::Open).unwrap();
    session.invoke_within(&known, RawFileStore::size(), None).await.unwrap();
}

/// A client that does not read its answers holds its own calls up, and nobody else's. What memory
/// that takes is measured in `tests/hostile`, where nothing else does at the same time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_does_not_read() {
    let options =
        Options::default().with_dispatches(4).with_close_timeout(Duration::from_millis(300));
    let acceptor = Acceptor { options, ..Acceptor::default() };
    let running = crate::start::start(RouterOptions::default(), acceptor).await;
    let (address, way) = between(&running).await;
    let slow = Session::connect(&address, Options::default(), root()).await.unwrap();
    let store = file_store(&slow).await;
    let content = Bytes::from(vec![1; 8 << 20]);
    slow.invoke(&store, RawFileStore::write(content, 0, 0)).await.unwrap();
    way.send(Way::Shut).unwrap();
    let reads: Vec<_> = (0..40)
        .map(|_| {
            let (slow, store) = (slow.clone(), store.clone());
            tokio::spawn(async move { slow.invoke(&store, RawFileStore::read(0, 0)).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let other = running.root().await;
    let fast = file_store(&other).await;
    for _ in 0..20 {
        other.invoke(&fast, RawFileStore::size()).await.unwrap();
    }
    // It reads again: everything comes.
    way.send(Way::Open).unwrap();
    for read in reads {
        assert_eq!(read.await.unwrap().unwrap().get().unwrap().len(), 8 << 20);
    }
    // The router goes in time even when a client does not read what is left.
    way.send(Way::Shut).unwrap();
    for _ in 0..8 {
        let (slow, store) = (slow.clone(), store.clone());
        tokio::spawn(async move { slow.invoke(&store, RawFileStore::read(0, 0)).await });
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    let going = running.router.shut_down();
    tokio::time::timeout(Duration::from_secs(10), going).await.unwrap();
}

/// All that the router had is gone at once, without a word, while it works on calls. What was
/// made of them nobody knows: those that may be repeated are told apart from those that may not.
#[test]
fn a_router_that_is_killed() {
    let far = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let far = far.unwrap();
    let running = far.block_on(Running::plain());
    let near = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    near.block_on(async {
        let session = running.root().await;
        let store = file_store(&session).await;
        let calls = (0..50).map(async |at| match at % 2 {
            0 => session.invoke(&store, RawFileStore::truncate(60_000)).await.map(drop),
            _ => session.invoke(&store, RawFileStore::set_file_id(60_000)).await.map(drop),
        });
        let kill = async {
            while running.host.n_slow.load(std::sync::atomic::Ordering::SeqCst) < 50 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            far.shutdown_background();
        };
        let both = async { tokio::join!(futures_util::future::join_all(calls), kill) };
        let (answers, ()) = tokio::time::timeout(Duration::from_secs(20), both).await.unwrap();
        for (at, answer) in answers.into_iter().enumerate() {
            let error = answer.unwrap_err();
            let Error::Lost { may_repeat, reason } = &error else { panic!("{error}") };
            assert_eq!(*may_repeat, at % 2 == 0, "{reason}");
            assert!(!reason.contains("closed the connection"), "{reason}");
        }
        assert!(session.refresh().await.unwrap_err().may_repeat());
        let error = running.session(root()).await.unwrap_err();
        assert!(matches!(error, Error::Io { .. }), "{error}");
    });
}
