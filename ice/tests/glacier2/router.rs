//! What the router does, as a real one was seen to do.

use std::time::Duration;

use ice::{
    Error,
    connection::{Acceptor, Options, connect},
    glacier2::{
        key,
        router::{End, RouterOptions},
    },
    omero::{
        api::{IConfig, RawFileStore, ServiceFactory},
        glacier2::Router,
        ice as base,
    },
    typed::Bytes,
    wire::{Call, Encapsulation, Encoding, Limits, ReplyBody},
};

use crate::start::{Running, file_store, root, router, start};

fn context() -> Vec<(String, String)> {
    vec![(key::CLIENT_UUID.to_owned(), "x".to_owned())]
}

fn call(proxy: &ice::wire::Proxy, operation: &str, mode: u8) -> Call {
    Call {
        identity: proxy.identity.clone(),
        facet: String::new(),
        operation: operation.to_owned(),
        mode,
        context: context(),
        parameters: Encapsulation::empty(Encoding::V1_1),
        limits: ice::wire::Limits::default(),
    }
}

#[tokio::test]
async fn before_login_only_the_router_answers() {
    let running = Running::plain().await;
    let client = running.client().await;
    client.ping(&router().identity).await.unwrap();
    let is_router = base::Object::ice_is_a("::Glacier2::Router");
    assert_eq!(client.invoke(&router(), is_router, vec![]).await.unwrap().get(), Ok(true));
    for refused in [Router::refresh_session(), Router::destroy_session()] {
        let error = client.invoke(&router(), refused, vec![]).await.unwrap_err();
        assert!(error.to_string().contains("SessionNotExistException"), "{error}");
    }
    let object = ice::wire::Proxy::new(ice::wire::Identity::new("a", "b"));
    let error = client.invoke(&object, base::Object::ice_ping(), vec![]).await.unwrap_err();
    assert!(matches!(error, Error::Lost { .. }), "{error}");
    assert!(client.is_closed());
}

#[tokio::test]
async fn one_session_on_a_connection() {
    let running = Running::plain().await;
    let session = running.root().await;
    let again = Router::create_session("root", "secret");
    let error = session.client().invoke(&router(), again, context()).await.unwrap_err();
    assert!(error.to_string().contains("session exists"), "{error}");
    // The first is as it was.
    session.invoke_own(ServiceFactory::get_config_service()).await.unwrap();
}

#[tokio::test]
async fn objects_are_told_of_before_they_are_called() {
    let running = Running::plain().await;
    let session = running.root().await;
    let own = session.object().unwrap();
    let answer = session.client().call(call(own, "ice_ping", 1)).await.unwrap();
    let ReplyBody::ObjectNotExist { operation, .. } = answer else { panic!("{answer:?}") };
    assert_eq!(operation, "ice_add_proxy");
    // Twice is harmless.
    for _ in 0..2 {
        let add = base::Router::add_proxies(vec![Some(own.clone()), None]);
        let answer = session.client().invoke(&router(), add, context()).await.unwrap();
        assert!(answer.get().unwrap().is_empty());
    }
    let answer = session.client().call(call(own, "ice_ping", 1)).await.unwrap();
    assert_eq!(answer.status(), 0);
}

/// The router finds the server of an object by the adapter or the endpoints of its proxy.
#[tokio::test]
async fn proxies_come_to_the_router_as_they_were_received() {
    let options = RouterOptions { table_size: 1, ..RouterOptions::default() };
    let running = start(options, Acceptor::default()).await;
    let session = running.root().await;
    let store = file_store(&session).await;
    assert_eq!(store.adapter_id, "BlitzAdapter");
    session.invoke(&store, RawFileStore::size()).await.unwrap();
    // What goes for another is given back as it was told.
    let other = session.object().unwrap().clone();
    let add = base::Router::add_proxies(vec![Some(other)]);
    let answer = session.client().invoke(&router(), add, context()).await.unwrap();
    let evicted = answer.get().unwrap().iter().collect::<ice::Result<Vec<_>>>().unwrap();
    assert_eq!(evicted, [Some(&store)]);
}

/// What a client says of its objects must not take the server's memory.
#[tokio::test]
async fn names_of_objects_are_limited() {
    let running = Running::plain().await;
    let session = running.root().await;
    let long = ice::wire::Proxy::new(ice::wire::Identity::named("x".repeat(100_000)));
    let add = base::Router::add_proxies(vec![Some(long)]);
    let error = session.client().invoke(&router(), add, context()).await.unwrap_err();
    assert!(error.to_string().contains("above the limit"), "{error}");
}

#[tokio::test]
async fn modes_are_enforced() {
    let running = Running::plain().await;
    let session = running.root().await;
    let store = file_store(&session).await;
    // `size` is idempotent, `close` is not; the old word counts as idempotent.
    for (operation, mode, status) in [
        ("size", 0, 5),
        ("size", 1, 0),
        ("size", 2, 0),
        ("size", 3, 5),
        ("close", 2, 5),
        ("close", 1, 5),
        ("close", 0, 0),
    ] {
        let answer = session.call(&store, call(&store, operation, mode)).await.unwrap();
        assert_eq!(answer.status(), status, "{operation} {mode}: {answer:?}");
        if let ReplyBody::UnknownLocalException(text) = answer {
            assert!(text.contains("unexpected operation mode"), "{text}");
        }
    }
    // So it is with the router's own.
    let answer = session.client().call(call(&router(), "getSessionTimeout", 0)).await.unwrap();
    assert_eq!(answer.status(), 5);
}

#[tokio::test]
async fn replies_come_out_of_order() {
    let running = Running::plain().await;
    let session = running.root().await;
    let store = file_store(&session).await;
    let order = std::sync::Mutex::new(Vec::new());
    let one = async |ms: i64| {
        session.invoke(&store, RawFileStore::truncate(ms)).await.unwrap();
        order.lock().unwrap().push(ms);
    };
    tokio::join!(one(120), one(60), one(1));
    assert_eq!(*order.lock().unwrap(), [1, 60, 120]);
}

#[tokio::test]
async fn unknown_operations_and_encodings() {
    let running = Running::plain().await;
    let session = running.root().await;
    let own = session.object().unwrap();
    assert_eq!(session.call(own, call(own, "nothing", 0)).await.unwrap().status(), 4);
    assert_eq!(session.client().call(call(&router(), "nothing", 0)).await.unwrap().status(), 4);
    let old = Encapsulation::empty(Encoding::V1_0);
    let called = Call { parameters: old, ..call(&router(), "getCategoryForClient", 1) };
    let ReplyBody::Ok(answer) = session.client().call(called).await.unwrap() else { panic!() };
    assert_eq!(answer.version, (1, 0));
}

/// Both ways 64 MiB: a longer request ends the connection, a longer answer only its call.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_of_more_than_64_mib() {
    const LONG: usize = 64 << 20;
    assert_eq!(Limits::default().message_bytes, LONG);
    let running = Running::plain().await;
    let session = running.root().await;
    let store = file_store(&session).await;
    let write = |n: usize| RawFileStore::write(Bytes::from(vec![7; n]), 0, 0);
    // This side does not even send it, since all calls of the connection would be lost.
    let error = session.invoke(&store, write(LONG)).await.unwrap_err();
    assert!(matches!(error, Error::Limit { .. }), "{error}");
    session.invoke(&store, write(LONG - 1000)).await.unwrap();
    let answer = session.invoke(&store, RawFileStore::read(0, 0)).await.unwrap();
    assert_eq!(answer.get().unwrap().len(), LONG - 1000);
    let config = session.invoke_own(ServiceFactory::get_config_service()).await.unwrap();
    let config = config.get().unwrap().unwrap();
    let long = IConfig::get_config_value(&format!("long:{LONG}"));
    let error = session.invoke(config, long).await.unwrap_err();
    assert!(error.to_string().contains("MemoryLimit"), "{error}");
    session.refresh().await.unwrap();
    session.destroy().await.unwrap();

    let limits = Limits { message_bytes: 2 * LONG, ..Limits::default() };
    let options = Options::default().with_limits(limits);
    let session = ice::glacier2::Session::connect(&running.address, options, root()).await.unwrap();
    let store = file_store(&session).await;
    let error = session.invoke(&store, write(LONG)).await.unwrap_err();
    assert!(matches!(error, Error::Lost { .. }), "{error}");
}

#[tokio::test]
async fn limits_of_connections_and_sessions() {
    let options = RouterOptions { connections: 3, sessions: 2, ..RouterOptions::default() };
    let running = start(options, Acceptor::default()).await;
    let first = running.root().await;
    let _second = running.root().await;
    let error = running.session(root()).await.unwrap_err();
    assert!(error.to_string().contains("too many sessions"), "{error}");
    // Who was refused has gone.
    while running.router.n_connections() > 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let third = running.client().await;
    let error = connect(&running.address, Options::default()).await.unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{error}");
    first.destroy().await.unwrap();
    drop(third);
    running.until_sessions(1).await;
    running.session(root()).await.unwrap();
}

#[tokio::test]
async fn a_client_goes_without_a_word() {
    let running = Running::plain().await;
    let session = running.root().await;
    let store = file_store(&session).await;
    let other = session.clone();
    let waiting =
        tokio::spawn(async move { other.invoke(&store, RawFileStore::truncate(60_000)).await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    waiting.abort();
    drop(session);
    running.until_sessions(0).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(*running.host.ended.lock().unwrap(), [End::Disconnected]);
}

#[tokio::test]
async fn a_router_that_shuts_down_answers_first() {
    let running = Running::plain().await;
    let session = running.root().await;
    let without = running.client().await;
    let store = file_store(&session).await;
    let other = session.clone();
    let slow = store.clone();
    let waiting =
        tokio::spawn(async move { other.invoke(&slow, RawFileStore::truncate(150)).await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    running.router.shut_down().await;
    waiting.await.unwrap().unwrap();
    // It said goodbye: what it did not answer may be called again, elsewhere.
    let error = session.invoke(&store, RawFileStore::set_file_id(1)).await.unwrap_err();
    assert!(error.may_repeat(), "{error}");
    without.ended().await;
    assert_eq!((running.router.n_sessions(), running.router.n_connections()), (0, 0));
    assert_eq!(*running.host.ended.lock().unwrap(), [End::ShutDown]);
    assert!(connect(&running.address, Options::default()).await.is_err());
}

#[tokio::test]
async fn the_connection_goes_with_the_session() {
    let running = Running::plain().await;
    let session = running.root().await;
    session.client().ping(&router().identity).await.unwrap();
    let destroy = Router::destroy_session();
    session.client().invoke(&router(), destroy, context()).await.unwrap();
    session.client().ended().await;
    let error = session.refresh().await.unwrap_err();
    assert!(matches!(error, Error::Lost { .. }), "{error}");
}
