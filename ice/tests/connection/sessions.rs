//! Sessions at routers that are slow, small, or say nothing.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use ice::{
    Error,
    connection::{Acceptor, Options, Reply, Servant},
    glacier2::{Session, router::RouterOptions},
    omero::api::{RawFileStore, ServiceFactory},
    wire::{Call, Encapsulation, Encoding, Identity, Message, Proxy, ReplyBody},
};

use crate::{
    raw::{listen, next, send},
    start::{file_store, root, start},
};

/// A router that lets nobody in and does not say so: a login takes a time of its own.
#[tokio::test]
async fn a_login_that_is_not_answered() {
    let (listener, address) = listen().await;
    let peer = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        send(&mut stream, &Message::Validate).await;
        assert!(matches!(next(&mut stream).await, Some(Message::Request(_))));
        // The connection ends, so that there is no session that nobody knows of.
        assert_eq!(next(&mut stream).await, Some(Message::Close));
    });
    let login = root().with_timeout(Some(Duration::from_millis(300)));
    let begun = Session::connect(&address, Options::default(), login);
    let error = tokio::time::timeout(Duration::from_secs(20), begun).await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Timeout { may_repeat: true, .. }), "{error}");
    assert!(
        error.to_string().contains("OMERO.Glacier2/router did not come within 300ms"),
        "{error}"
    );
    tokio::time::timeout(Duration::from_secs(20), peer).await.unwrap().unwrap();
    // Nobody waits for ever who has not said so.
    assert!(root().timeout.is_some());
}

/// Times that no clock has are as good as for ever.
#[tokio::test]
async fn times_without_an_end() {
    let options = RouterOptions {
        session_timeout: Duration::MAX,
        idle_timeout: Duration::MAX,
        login_timeout: Duration::MAX,
        ..RouterOptions::default()
    };
    let acceptor = Acceptor {
        options: Options::default().with_connect_timeout(Duration::MAX),
        ..Acceptor::default()
    };
    let running = start(options, acceptor).await;
    let for_ever = Some(Duration::MAX);
    let options = Options::default()
        .with_connect_timeout(Duration::MAX)
        .with_close_timeout(Duration::MAX)
        .with_call_timeout(for_ever)
        .with_heartbeat(for_ever)
        .with_peer_timeout(for_ever);
    let login = root().with_keep_alive(for_ever).with_timeout(for_ever);
    let session = Session::connect(&running.address, options, login).await.unwrap();
    let service = ServiceFactory::get_config_service();
    session.invoke_own_within(service, for_ever).await.unwrap();
    session.refresh().await.unwrap();
    session.destroy().await.unwrap();
}

/// A table with room for one object, and many that are called at a time: each has its turn.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_that_are_too_small() {
    let options = RouterOptions { table_size: 1, ..RouterOptions::default() };
    let running = start(options, Acceptor::default()).await;
    let session = running.root().await;
    let mut calls = Vec::new();
    for _ in 0..8 {
        let (session, store) = (session.clone(), file_store(&session).await);
        calls.push(tokio::spawn(async move {
            for at in 0..20 {
                session.invoke(&store, RawFileStore::set_file_id(at)).await.unwrap();
            }
        }));
    }
    for call in calls {
        call.await.unwrap();
    }
}

/// A router that forgets each object at once.
struct Forgets;

impl Servant for Forgets {
    fn dispatch(&self, call: Call) -> Reply<'_> {
        // Nothing, in the types of the results.
        let n_bytes = match call.operation.as_str() {
            "createSession" | "getServerProxy" => 2,
            "getCategoryForClient" | "addProxies" => 1,
            "getSessionTimeout" => 8,
            "getACMTimeout" => 4,
            _ => {
                let Call { identity, facet, .. } = call;
                let operation = "ice_add_proxy".to_owned();
                let body = ReplyBody::ObjectNotExist { identity, facet, operation };
                return Box::pin(std::future::ready(body));
            }
        };
        let nothing = Encapsulation::new(Encoding::V1_1, vec![0; n_bytes]);
        Box::pin(std::future::ready(ReplyBody::Ok(nothing)))
    }
}

/// A table without room: it is told that the call was not made, in time.
#[tokio::test]
async fn tables_without_room() {
    let (listener, address) = listen().await;
    let options = Options::default().with_servants(Arc::new(Forgets));
    let acceptor = Acceptor { options, ..Acceptor::default() };
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        acceptor.accept(stream).await.unwrap().1.run().await
    });
    let session = Session::connect(&address, Options::default(), root()).await.unwrap();
    let store = Proxy::new(Identity::named("store"));
    let begun = Instant::now();
    let time = Duration::from_millis(300);
    let set = RawFileStore::set_file_id(1);
    let error = session.invoke_within(&store, set.clone(), Some(time)).await.unwrap_err();
    assert!(matches!(error, Error::Timeout { may_repeat: true, .. }), "{error}");
    assert!(begun.elapsed() < 10 * time, "{:?}", begun.elapsed());
    let error = session.invoke(&store, set).await.unwrap_err();
    assert!(matches!(error, Error::NotMade(_)) && error.may_repeat(), "{error}");
    assert!(error.to_string().contains("forgets store"), "{error}");
}
