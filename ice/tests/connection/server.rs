//! A server in this process, and what its servant answers.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use ice::{
    connection::{Acceptor, Adapter, Address, Client, Options, Reply, Scheme, Servant, connect},
    wire::{Call, Encapsulation, Encoding, Identity, Mode, ReplyBody},
};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// Answers `echo` with its parameters at once, and `slow` after as many milliseconds as the
/// first bytes of its parameters say.
#[derive(Default)]
pub(crate) struct Echo {
    now: AtomicUsize,
    pub(crate) most: AtomicUsize,
}

impl Servant for Echo {
    fn dispatch(&self, call: Call) -> Reply<'_> {
        Box::pin(async move {
            let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
            self.most.fetch_max(now, Ordering::SeqCst);
            let body = match call.operation.as_str() {
                "echo" => ReplyBody::Ok(call.parameters),
                "slow" => {
                    let content = call.parameters.content.joined();
                    let bytes = content.first_chunk::<4>();
                    let ms = u32::from_le_bytes(*bytes.unwrap());
                    tokio::time::sleep(Duration::from_millis(ms.into())).await;
                    ReplyBody::Ok(call.parameters)
                }
                "panic" => panic!("at once"),
                "panic_late" => {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    panic!("late");
                }
                _ => {
                    let Call { identity, facet, operation, .. } = call;
                    ReplyBody::OperationNotExist { identity, facet, operation }
                }
            };
            self.now.fetch_sub(1, Ordering::SeqCst);
            body
        })
    }
}

/// The object that answers.
pub(crate) fn object() -> Identity {
    Identity::new("echo", "test")
}

/// A call of it.
pub(crate) fn call(operation: &str, mode: Mode, content: impl Into<Bytes>) -> Call {
    Call {
        identity: object(),
        facet: String::new(),
        operation: operation.to_owned(),
        mode: mode.byte(),
        context: vec![("omero.client.uuid".to_owned(), "x".to_owned())],
        parameters: Encapsulation::new(Encoding::V1_1, content.into()),
        limits: ice::wire::Limits::default(),
    }
}

/// A call that is answered after some time.
pub(crate) fn slow(ms: u32, mode: Mode) -> Call {
    call("slow", mode, ms.to_le_bytes().to_vec())
}

/// A server that runs.
pub(crate) struct Server {
    pub(crate) address: Address,
    pub(crate) echo: Arc<Echo>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    pub(crate) async fn start(scheme: Scheme, mut acceptor: Acceptor) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let echo = Arc::new(Echo::default());
        let adapter = Adapter::new(ice::omero::schema());
        adapter.add(object(), "::omero::api::IQuery", echo.clone()).unwrap();
        acceptor.options.servants = Arc::new(adapter);
        acceptor.websocket = scheme.is_websocket();
        let serve = async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve_one(acceptor.clone(), stream));
            }
        };
        let path = if scheme.is_websocket() { "/omero-ws" } else { "/" };
        let address = Address { scheme, host: "127.0.0.1".to_owned(), port, path: path.to_owned() };
        Self { address, echo, task: tokio::spawn(serve) }
    }

    /// A server without TLS.
    pub(crate) async fn plain() -> Self {
        Self::start(Scheme::Tcp, Acceptor::default()).await
    }

    /// A client that is connected to it.
    pub(crate) async fn client(&self, options: Options) -> Client {
        let (client, connection) = connect(&self.address, options).await.unwrap();
        tokio::spawn(connection.run());
        client
    }
}

async fn serve_one(acceptor: Acceptor, stream: TcpStream) {
    // Clients that are turned away are a part of the tests.
    if let Ok((_, connection)) = acceptor.accept(stream).await {
        let _ = connection.run().await;
    }
}
