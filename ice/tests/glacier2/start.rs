//! A router with the host that gives back, and clients of it.

use std::sync::Arc;

use ice::{
    connection::{Acceptor, Address, Client, Options, connect},
    glacier2::{
        Credentials, Login, Session,
        router::{Router, RouterOptions},
    },
    omero::api::ServiceFactory,
    wire::{Identity, Proxy},
};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::host::{Echo, EchoHost};

pub(crate) struct Running {
    pub(crate) router: Router,
    pub(crate) host: Arc<EchoHost>,
    pub(crate) address: Address,
    pub(crate) serving: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

pub(crate) async fn start(options: RouterOptions, acceptor: Acceptor) -> Running {
    let host = Arc::new(EchoHost::default());
    let router = Router::new(options, Arc::new(Echo(host.clone())));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("tcp://{}", listener.local_addr().unwrap()).parse().unwrap();
    let serving = router.clone();
    let serving = tokio::spawn(async move { serving.serve(listener, acceptor).await });
    Running { router, host, address, serving }
}

pub(crate) fn root() -> Login {
    Login::new(Credentials::password("root", "secret"))
}

impl Running {
    pub(crate) async fn plain() -> Self {
        start(RouterOptions::default(), Acceptor::default()).await
    }

    pub(crate) async fn session(&self, login: Login) -> ice::Result<Session> {
        Session::connect(&self.address, Options::default(), login).await
    }

    pub(crate) async fn root(&self) -> Session {
        self.session(root()).await.unwrap()
    }

    /// A connection without a session.
    pub(crate) async fn client(&self) -> Client {
        let (client, connection) = connect(&self.address, Options::default()).await.unwrap();
        tokio::spawn(connection.run());
        client
    }

    /// Waits until the router has as many sessions.
    pub(crate) async fn until_sessions(&self, n: usize) {
        let wait = async {
            while self.router.n_sessions() != n {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        let within = std::time::Duration::from_secs(20);
        let n_now = || self.router.n_sessions();
        tokio::time::timeout(within, wait).await.unwrap_or_else(|_| panic!("{} sessions", n_now()));
    }
}

pub(crate) fn router() -> Proxy {
    Proxy::new(Identity::new("router", "OMERO.Glacier2"))
}

/// A stateful service of a session.
pub(crate) async fn file_store(session: &Session) -> Proxy {
    let answer = session.invoke_own(ServiceFactory::create_raw_file_store()).await.unwrap();
    answer.get().unwrap().cloned().unwrap()
}
