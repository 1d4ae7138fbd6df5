//! The client's side.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use ice::{
    Error,
    connection::{Acceptor, Reply, Servant},
    glacier2::{Credentials, Login, Session, key, router::RouterOptions},
    omero::api::{ClientCallback, IConfig, RawFileStore, ServiceFactory},
    wire::{Call, Encapsulation, Encoding, Proxy, ReplyBody},
};

use crate::start::{Running, file_store, root, router, start};

async fn config(session: &Session) -> Proxy {
    let answer = session.invoke_own(ServiceFactory::get_config_service()).await.unwrap();
    answer.get().unwrap().cloned().unwrap()
}

#[tokio::test]
async fn a_session_from_its_beginning_to_its_end() {
    let running = Running::plain().await;
    let session = running.root().await;
    let object = session.object().unwrap();
    // The key is the name; the client's number is in the category.
    assert_eq!(session.key(), Some(object.identity.name.as_str()));
    let context = session.context().to_vec();
    let of = |key: &str| context.iter().find(|(found, _)| found == key).unwrap().1.clone();
    assert_eq!(object.identity.category, format!("session-{}", of(key::CLIENT_UUID)));
    assert_eq!(Some(of(key::SESSION_UUID).as_str()), session.key());
    assert_eq!(session.session_timeout(), Some(Duration::from_secs(600)));
    assert!(!session.category().is_empty());
    session.refresh().await.unwrap();
    let config = config(&session).await;
    let answer = session.invoke(&config, IConfig::get_config_value("a")).await.unwrap();
    assert_eq!(answer.get(), Ok("a"));
    // Groups are in the context of each call.
    let answer = session.in_group(-1).invoke(&config, IConfig::get_config_value("a")).await;
    assert_eq!(answer.unwrap().get(), Ok("-1"));
    assert_eq!(running.router.n_sessions(), 1);
    session.destroy().await.unwrap();
    assert_eq!(running.router.n_sessions(), 0);
}

#[tokio::test]
async fn users_who_are_not_let_in() {
    let running = Running::plain().await;
    let login = Login::new(Credentials::password("root", "wrong"));
    let error = running.session(login.clone()).await.unwrap_err();
    let Error::PermissionDenied(reason) = &error else { panic!("{error}") };
    assert_eq!(reason, "Password check failed for 'root': []");
    assert!(!format!("{login:?}").contains("wrong"), "{login:?}");
    let error = running.session(root().with_group("nobody")).await.unwrap_err();
    let Error::CannotCreateSession { reason, kind, again_after } = &error else {
        panic!("{error}")
    };
    assert_eq!(reason, "No such group: nobody");
    assert_eq!((&**kind, again_after), ("::omero::WrappedCreateSessionException", &None));
    let by_certificate = Login::new(Credentials::Connection);
    let error = running.session(by_certificate).await.unwrap_err();
    assert!(matches!(error, Error::PermissionDenied(_)), "{error}");
    assert!(running.session(root().with_group("lab")).await.is_ok());
}

#[tokio::test]
async fn a_login_that_is_in_the_way_of_others_is_tried_again() {
    let running = Running::plain().await;
    running.host.n_busy.store(2, Ordering::SeqCst);
    running.session(root()).await.unwrap();
    running.host.n_busy.store(3, Ordering::SeqCst);
    let error = running.session(root()).await.unwrap_err();
    assert!(matches!(error, Error::CannotCreateSession { again_after: Some(_), .. }), "{error}");
    assert_eq!(running.host.n_busy.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_session_is_joined_by_its_key() {
    let running = Running::plain().await;
    let first = running.root().await;
    let key = first.key().unwrap().to_owned();
    let joined = Login::new(Credentials::session_key(&key));
    let second = running.session(joined.clone()).await.unwrap();
    assert_eq!(second.key(), Some(key.as_str()));
    // The other has it still.
    second.destroy().await.unwrap();
    let config = config(&first).await;
    first.invoke(&config, IConfig::get_config_value("a")).await.unwrap();
    // With the last connection it goes, even without a word.
    drop(first);
    running.until_sessions(0).await;
    let error = running.session(joined).await.unwrap_err();
    assert!(matches!(error, Error::PermissionDenied(_)), "{error}");
}

/// More objects at a time than the router's table has room for: it is told of them again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn objects_that_the_router_forgets() {
    let options = RouterOptions { table_size: 8, ..RouterOptions::default() };
    let running = start(options, Acceptor::default()).await;
    let session = running.root().await;
    let mut stores = Vec::new();
    for _ in 0..40 {
        stores.push(file_store(&session).await);
    }
    // One after the other, forwards and back, by operations that must not be made twice.
    for at in (0..40).chain((0..40).rev()) {
        session.invoke(&stores[at], RawFileStore::set_file_id(at as i64)).await.unwrap();
    }
    // At the same time: the router forgets objects between being told and being called.
    let calls = (0..6).map(|task| {
        let (session, stores) = (session.clone(), stores.clone());
        tokio::spawn(async move {
            for at in 0..60 {
                let store = &stores[(at * 7 + task * 11) % 40];
                session.invoke(store, RawFileStore::set_file_id(at as i64)).await.unwrap();
            }
        })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap();
    }
    // All in one message.
    session.add_proxies(&stores.iter().collect::<Vec<_>>()).await.unwrap();
    for store in &stores {
        session.invoke(store, RawFileStore::size()).await.unwrap();
    }
}

/// An object that is not there is asked for once: it was not the table that lacked it.
#[tokio::test]
async fn objects_that_are_not_there() {
    let running = Running::plain().await;
    let session = running.root().await;
    let nobody = Proxy::new(ice::wire::Identity::new("nobody", "x"));
    let error = session.invoke(&nobody, RawFileStore::size()).await.unwrap_err();
    let Error::NotExist { what: "object", operation, .. } = &error else { panic!("{error}") };
    assert_eq!(operation, "size");
}

#[derive(Default)]
struct Counts(AtomicUsize);

impl Servant for Counts {
    fn dispatch(&self, call: Call) -> Reply<'_> {
        let is_heartbeat = call.operation == ClientCallback::REQUEST_HEARTBEAT.name();
        self.0.fetch_add(usize::from(is_heartbeat), Ordering::SeqCst);
        let answer = ReplyBody::Ok(Encapsulation::empty(Encoding::V1_1));
        Box::pin(std::future::ready(answer))
    }
}

#[tokio::test]
async fn servers_call_objects_of_the_client() {
    let running = Running::plain().await;
    let session = running.root().await;
    let counts = Arc::new(Counts::default());
    let proxy = session.add_callback::<ClientCallback>("callback", counts.clone()).unwrap();
    assert_eq!(proxy.identity.category, session.category());
    session.invoke_own(ServiceFactory::set_callback(Some(proxy.clone()))).await.unwrap();
    let n = session.invoke_own(ServiceFactory::keep_all_alive(vec![])).await.unwrap();
    assert_eq!((n.get(), counts.0.load(Ordering::SeqCst)), (Ok(2), 2));
    // Once it is removed there is no such object.
    assert!(session.remove_callback(&proxy));
    let n = session.invoke_own(ServiceFactory::keep_all_alive(vec![])).await.unwrap();
    assert_eq!(n.get(), Ok(0));
    // Objects of another client are not called.
    let other = running.root().await;
    let theirs = other.add_callback::<ClientCallback>("callback", counts.clone()).unwrap();
    session.invoke_own(ServiceFactory::set_callback(Some(theirs))).await.unwrap();
    let n = session.invoke_own(ServiceFactory::keep_all_alive(vec![])).await.unwrap();
    assert_eq!((n.get(), counts.0.load(Ordering::SeqCst)), (Ok(0), 2));
}

/// A session that nothing is called in is kept by what the client does by itself, in both of
/// its times; without that it ends.
#[tokio::test]
async fn sessions_that_are_kept() {
    let options = RouterOptions {
        session_timeout: Duration::from_secs(3),
        idle_timeout: Duration::from_secs(2),
        ..RouterOptions::default()
    };
    let running = start(options, Acceptor::default()).await;
    let kept = running.session(root().with_keep_alive(Some(Duration::from_millis(200)))).await;
    let kept = kept.unwrap();
    let left = running.session(root().with_keep_alive(None)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(4500)).await;
    assert_eq!(running.router.n_sessions(), 1);
    kept.invoke_own(ServiceFactory::get_config_service()).await.unwrap();
    let error = left.invoke_own(ServiceFactory::get_config_service()).await.unwrap_err();
    assert!(matches!(error, Error::SessionExpired(_)), "{error}");
}

#[tokio::test]
async fn logins_without_the_number_of_a_client() {
    let running = Running::plain().await;
    let client = running.client().await;
    let call = ice::omero::glacier2::Router::create_session("root", "secret");
    let error = client.invoke(&router(), call, vec![]).await.unwrap_err();
    assert!(error.to_string().contains("No omero.client.uuid"), "{error}");
}

#[test]
fn a_session_for_programs_that_wait() {
    use ice::{connection::Options, glacier2::blocking};
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let running = runtime.block_on(Running::plain());
    let login = Login::new(Credentials::password("root", "wrong"));
    let error = blocking::Session::connect(&running.address, Options::default(), login);
    assert!(matches!(error, Err(Error::PermissionDenied(_))));
    let session = blocking::Session::connect(&running.address, Options::default(), root()).unwrap();
    let config = session.invoke_own(ServiceFactory::get_config_service()).unwrap();
    let config = config.get().unwrap().cloned().unwrap();
    let threads = (0..4).map(|n| {
        let (session, config) = (session.in_group(n), config.clone());
        std::thread::spawn(move || {
            let answer = session.invoke(&config, IConfig::get_config_value("x")).unwrap();
            assert_eq!(answer.get(), Ok(n.to_string().as_str()));
        })
    });
    for thread in threads.collect::<Vec<_>>() {
        thread.join().unwrap();
    }
    session.refresh().unwrap();
    let group = session.with_context(key::GROUP, "7");
    let answer = group.invoke(&config, IConfig::get_config_value("x")).unwrap();
    assert_eq!(answer.get(), Ok("7"));
    let store = session.invoke_own(ServiceFactory::create_raw_file_store()).unwrap();
    let store = store.get().unwrap().cloned().unwrap();
    session.add_proxies(&[&store]).unwrap();
    let parameters = RawFileStore::size().encode(Encoding::V1_1).unwrap();
    let size = Call {
        identity: store.identity.clone(),
        facet: String::new(),
        operation: "size".to_owned(),
        mode: ice::wire::Mode::Idempotent.byte(),
        context: session.asynchronous().context().to_vec(),
        parameters,
        limits: ice::wire::Limits::default(),
    };
    assert_eq!(session.call(&store, size).unwrap().status(), 0);
    let within = Some(Duration::from_millis(50));
    let error = session.invoke_within(&store, RawFileStore::truncate(10_000), within).unwrap_err();
    assert!(matches!(error, Error::Timeout { may_repeat: true, .. }), "{error}");
    session.invoke_own_within(ServiceFactory::get_config_service(), None).unwrap();
    session.destroy().unwrap();
    assert_eq!(running.router.n_sessions(), 0);
    // In an asynchronous task it would stop everything else.
    let refused = runtime.block_on(async {
        blocking::Session::connect(&running.address, Options::default(), root()).map(drop)
    });
    assert!(matches!(refused, Err(Error::Io { .. })), "{refused:?}");
}
