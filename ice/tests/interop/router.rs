//! Sessions: the official client at our router, and our client at the real router.

use std::{
    io::{BufRead, BufReader},
    net::TcpListener as StdListener,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use ice::{
    Error,
    connection::{Acceptor, Address, Options, Reply, Servant, Verification},
    glacier2::{
        Credentials, Login, Session,
        router::{Router, RouterOptions},
    },
    omero::{
        RString,
        api::{ClientCallback, IConfig, IUpdate, RawPixelsStore, ServiceFactory},
        model::{IObject, Plate},
    },
    typed::Bytes,
    value::Graph,
    wire::{Call, Encapsulation, Encoding, Identity, Proxy, ReplyBody},
};
use tokio::net::TcpListener;

use crate::{
    certificate,
    host::{Echo, EchoHost},
    need::{program, skip_without},
    python,
};

/// omero-py logs in to our router and calls objects that give back every kind of value.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn official_client_at_our_router() {
    let Some(python) = python() else { return };
    let python = Arc::new(python);
    for (url, tls) in
        [("tcp://127.0.0.1", false), ("127.0.0.1", true), ("wss://127.0.0.1/omero-wss", true)]
    {
        let router =
            Router::new(RouterOptions::default(), Arc::new(Echo(Arc::new(EchoHost::default()))));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let acceptor = Acceptor {
            options: Options::default(),
            tls: tls.then(|| certificate().tls()),
            websocket: url.starts_with("ws"),
        };
        let serving = router.clone();
        let serving = tokio::spawn(async move { serving.serve(listener, acceptor).await });
        let python = python.clone();
        let run = move || python().args(["router", url, &port.to_string()]).output().unwrap();
        let output = tokio::task::spawn_blocking(run).await.unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.ends_with("ok\n"), "{url}: {text}");
        tokio::time::timeout(Duration::from_secs(10), router.shut_down()).await.unwrap();
        serving.await.unwrap();
        assert_eq!((router.n_sessions(), router.n_connections()), (0, 0));
    }
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A port that nobody has.
fn free_port() -> u16 {
    StdListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Debian's router, with a table of eight objects, in front of a manager of sessions.
fn real_router(program: &Path, folder: &Path, manager: &Proxy) -> (Killed, u16, u16) {
    let hash = Command::new("openssl").args(["passwd", "-6", "secret"]).output().unwrap();
    let hash = String::from_utf8(hash.stdout).unwrap();
    let passwords = folder.join("passwords");
    std::fs::write(&passwords, format!("root {hash}refused {hash}")).unwrap();
    let certificate = certificate();
    for (from, to) in [(&certificate.certificate, "cert.pem"), (&certificate.key, "key.pem")] {
        std::fs::copy(from, folder.join(to)).unwrap();
    }
    let exported = Command::new("openssl")
        .args(["pkcs12", "-export", "-in", "cert.pem", "-inkey", "key.pem"])
        .args(["-out", "server.p12", "-passout", "pass:pw"])
        .current_dir(folder)
        .status();
    assert!(exported.unwrap().success());
    let (tcp, ssl) = (free_port(), free_port());
    let config = format!(
        "Glacier2.InstanceName=OMERO.Glacier2\n\
         Glacier2.Client.Endpoints=tcp -h 127.0.0.1 -p {tcp}:ssl -h 127.0.0.1 -p {ssl}\n\
         Glacier2.Server.Endpoints=tcp -h 127.0.0.1\n\
         Glacier2.CryptPasswords={}\n\
         Glacier2.SessionManager={manager}\n\
         Glacier2.SessionTimeout=30\n\
         Glacier2.RoutingTable.MaxSize=8\n\
         Glacier2.Client.ForwardContext=1\n\
         Ice.Plugin.IceSSL=IceSSL:createIceSSL\n\
         IceSSL.DefaultDir={}\n\
         IceSSL.CertFile=server.p12\n\
         IceSSL.Password=pw\n\
         IceSSL.VerifyPeer=0\n",
        passwords.display(),
        folder.display()
    );
    let file = folder.join("router.conf");
    std::fs::write(&file, config).unwrap();
    let child = Command::new(program).arg(format!("--Ice.Config={}", file.display())).spawn();
    (Killed(child.unwrap()), tcp, ssl)
}

#[derive(Default)]
struct Counts(AtomicUsize);

impl Servant for Counts {
    fn dispatch(&self, _: Call) -> Reply<'_> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Box::pin(std::future::ready(ReplyBody::Ok(Encapsulation::empty(Encoding::V1_1))))
    }
}

async fn connect(address: &Address, login: &Login) -> ice::Result<Session> {
    let options = Options::default()
        .with_verification(Verification::Insecure)
        .with_call_timeout(Some(Duration::from_secs(20)));
    for _ in 0..200 {
        match Session::connect(address, options.clone(), login.clone()).await {
            // It has not begun to listen.
            Err(Error::Io { .. }) => tokio::time::sleep(Duration::from_millis(50)).await,
            other => return other,
        }
    }
    panic!("no router at {address}");
}

/// Our client at Debian's router, behind which is the official runtime.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_client_at_the_real_router() {
    let glacier2 = program("glacier2router");
    let found = skip_without(glacier2, "glacier2router", "glacier2router is not on the path");
    let (Some(program), Some(python)) = (found, python()) else { return };
    let mut server = python()
        .args(["manager", "tcp -h 127.0.0.1 -p 0"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap());
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    let _server = Killed(server);
    let manager: Proxy = line.trim().parse().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (real, tcp, ssl) = real_router(&program, folder.path(), &manager);
    let mut root = Login::new(Credentials::password("root", "secret"));
    // What the object that saves wants to see.
    root.context = vec![("omero.client.uuid".to_owned(), "x".to_owned())];
    for address in [format!("tcp://127.0.0.1:{tcp}"), format!("ssl://127.0.0.1:{ssl}")] {
        let address: Address = address.parse().unwrap();
        let wrong = Login::new(Credentials::password("root", "wrong"));
        let error = connect(&address, &wrong).await.unwrap_err();
        assert!(matches!(error, Error::PermissionDenied(_)), "{error}");
        let refused = Login::new(Credentials::password("refused", "secret"));
        let error = connect(&address, &refused).await.unwrap_err();
        assert!(
            matches!(&error, Error::CannotCreateSession { reason, .. } if reason.contains("No such group")),
            "{error}"
        );
        let session = connect(&address, &root).await.unwrap();
        assert_eq!(session.session_timeout(), Some(Duration::from_secs(30)));
        session.refresh().await.unwrap();
        calls(&session).await;
        many_objects(&session).await;
        callbacks(&session).await;
        let again = ice::omero::glacier2::Router::create_session("root", "secret");
        let router = Proxy::new(Identity::new("router", "OMERO.Glacier2"));
        let error = session.client().invoke(&router, again, vec![]).await.unwrap_err();
        assert!(error.to_string().contains("session exists"), "{error}");
        session.destroy().await.unwrap();
        line.clear();
        lines.read_line(&mut line).unwrap();
        assert_eq!(line.trim(), "destroyed");
    }
    // The router is killed while a call waits.
    let address: Address = format!("tcp://127.0.0.1:{tcp}").parse().unwrap();
    let session = connect(&address, &root).await.unwrap();
    let config = session.invoke_own(ServiceFactory::get_config_service()).await.unwrap();
    let config = config.get().unwrap().cloned().unwrap();
    let other = session.clone();
    let calls = tokio::spawn(async move {
        loop {
            let key = "x".repeat(10_000);
            other.invoke(&config, IConfig::get_config_value(&key)).await?;
        }
        #[expect(unreachable_code, reason = "tells the type")]
        Ok::<(), Error>(())
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    drop(real);
    let error = calls.await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Lost { .. }), "{error}");
    assert!(session.refresh().await.unwrap_err().may_repeat());
}

async fn calls(session: &Session) {
    let update = session.invoke_own(ServiceFactory::get_update_service()).await.unwrap();
    let update = update.get().unwrap().cloned().unwrap();
    let mut graph = Graph::new();
    let name = graph.make::<RString>().with(RString::VAL, "µ").done();
    let plate = graph.make::<Plate>().with(Plate::NAME, Some(name)).done();
    let plate = graph.edit(plate).unwrap().with(IObject::LOADED, true).done();
    let save = IUpdate::save_and_return_object(Some(plate.as_base())).with_graph(graph);
    let answer = session.invoke(&update, save).await.unwrap();
    let back = answer.view(answer.get().unwrap().unwrap()).unwrap().cast::<Plate>().unwrap();
    let name = back.follow(Plate::NAME).unwrap().unwrap();
    assert_eq!(name.get(RString::VAL), Ok("µ"));
    let config = session.invoke_own(ServiceFactory::get_config_service()).await.unwrap();
    let config = config.get().unwrap().cloned().unwrap();
    let asked = |key: String| {
        let (session, config) = (session.clone(), config.clone());
        async move {
            let answer = session.invoke(&config, IConfig::get_config_value(&key)).await.unwrap();
            assert_eq!(answer.get(), Ok(key.as_str()));
        }
    };
    futures_util::future::join_all((0..300).map(|n| asked(format!("key {n}")))).await;
    let answer = session.in_group(-1).invoke(&config, IConfig::get_config_value("x")).await;
    assert_eq!(answer.unwrap().get(), Ok("-1"));
}

/// More objects than the router's table has room for.
async fn many_objects(session: &Session) {
    let mut stores = Vec::new();
    for n in 0..20u8 {
        let store = session.invoke_own(ServiceFactory::create_raw_pixels_store()).await.unwrap();
        let store = store.get().unwrap().cloned().unwrap();
        let plane = Bytes::from(vec![n; 100_000]);
        session.invoke(&store, RawPixelsStore::set_plane(plane, 0, 0, 0)).await.unwrap();
        stores.push(store);
    }
    let tasks = (0..4).map(|task| {
        let (session, stores) = (session.clone(), stores.clone());
        tokio::spawn(async move {
            for at in 0..40 {
                let n = (at * 7 + task * 5) % 20;
                let plane = RawPixelsStore::get_plane(0, 0, 0);
                let plane = session.invoke(&stores[n], plane).await.unwrap();
                let plane = plane.get().unwrap();
                assert!(plane.len() == 100_000 && plane.iter().all(|byte| usize::from(*byte) == n));
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
}

async fn callbacks(session: &Session) {
    let counts = Arc::new(Counts::default());
    let proxy = session.add_callback::<ClientCallback>("callback", counts.clone()).unwrap();
    session.invoke_own(ServiceFactory::set_callback(Some(proxy))).await.unwrap();
    let n = session.invoke_own(ServiceFactory::keep_all_alive(vec![])).await.unwrap();
    assert_eq!((n.get(), counts.0.load(Ordering::SeqCst)), (Ok(1), 1));
}
