//! Connections of a router, from their beginning to their end.

use std::{
    collections::HashMap,
    fmt,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::Notify,
    time,
};

use super::{End, Host, RouterOptions, link::Link};
use crate::{
    Error, Result,
    connection::{Acceptor, Options, interface_ids},
    omero::schema,
    typed::Interface,
    wire::Identity,
};

/// A number of things that there may be, of which each counts until it is dropped.
pub(super) struct Counter {
    n: Arc<AtomicUsize>,
    most: usize,
}

pub(super) struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Counter {
    fn new(most: usize) -> Self {
        Self { n: Arc::default(), most }
    }

    /// One more; none when there are too many.
    pub(super) fn one_more(&self) -> Option<Counted> {
        let add = |n| (n < self.most).then_some(n + 1);
        let added = self.n.fetch_update(Ordering::SeqCst, Ordering::SeqCst, add);
        added.ok().map(|_| Counted(self.n.clone()))
    }

    fn now(&self) -> usize {
        self.n.load(Ordering::SeqCst)
    }
}

/// What all connections of a router have together.
pub(super) struct Shared {
    pub(super) options: RouterOptions,
    pub(super) host: Arc<dyn Host>,
    pub(super) identity: Identity,
    /// Names of the router's interface and of those that it extends.
    pub(super) ids: Vec<String>,
    pub(super) sessions: Counter,
    connections: Counter,
    links: Mutex<HashMap<u64, Weak<Link>>>,
    /// How many connections there were.
    n_links: AtomicU64,
    is_going: AtomicBool,
    goes: Notify,
    /// Told when a connection has ended.
    ended: Notify,
}

/// A router. Clones are cheap, and are the same router.
#[derive(Clone)]
pub struct Router(pub(super) Arc<Shared>);

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Router")
            .field("options", &self.0.options)
            .field("connections", &self.n_connections())
            .field("sessions", &self.n_sessions())
            .finish_non_exhaustive()
    }
}

/// How long to wait when the system gives no more connections.
const PAUSE: Duration = Duration::from_millis(50);

impl Router {
    /// A router whose sessions are made by a host.
    pub fn new(options: RouterOptions, host: Arc<dyn Host>) -> Self {
        let options = options.usable();
        Self(Arc::new(Shared {
            identity: Identity::new("router", options.instance.clone()),
            ids: interface_ids(schema(), crate::omero::glacier2::Router::TYPE_ID),
            sessions: Counter::new(options.sessions),
            connections: Counter::new(options.connections),
            links: Mutex::default(),
            n_links: AtomicU64::new(0),
            is_going: AtomicBool::new(false),
            goes: Notify::new(),
            ended: Notify::new(),
            options,
            host,
        }))
    }

    /// Accepts connections until [`Router::shut_down`]. A router may listen at several places,
    /// each with its own `acceptor` (TLS, WebSocket, limits), whose servants are not used.
    pub async fn serve(&self, listener: TcpListener, acceptor: Acceptor) {
        loop {
            let accepted = tokio::select! {
                biased;
                () = self.0.going() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, address)) => {
                    // One too many is closed at once.
                    if let Some(counted) = self.0.connections.one_more() {
                        let connected = Connected(self.0.clone(), Some(counted));
                        let one = serve_one(self.0.clone(), acceptor.clone(), stream, address);
                        tokio::spawn(async move {
                            let _connected = connected;
                            // Clients that go wrong are their own matter.
                            let _: Result<()> = one.await;
                        });
                    }
                }
                // No more files, or a connection that went before it was accepted.
                Err(_) => time::sleep(PAUSE).await,
            }
        }
    }

    /// How many connections there are.
    pub fn n_connections(&self) -> usize {
        self.0.connections.now()
    }

    /// How many sessions there are.
    pub fn n_sessions(&self) -> usize {
        self.0.sessions.now()
    }

    /// Accepts nothing more, answers what is worked on, for as long as the options of each
    /// connection say, says goodbye to all clients and ends their sessions.
    pub async fn shut_down(&self) {
        let shared = &self.0;
        shared.is_going.store(true, Ordering::SeqCst);
        shared.goes.notify_waiters();
        for link in shared.all_links() {
            link.end_and_close(End::ShutDown);
        }
        loop {
            let ended = shared.ended.notified();
            tokio::pin!(ended);
            ended.as_mut().enable();
            if shared.connections.now() == 0 {
                return;
            }
            ended.await;
        }
    }
}

impl Shared {
    /// Waits until the router goes.
    async fn going(&self) {
        // Registered before looking, so that nothing is missed in between.
        let goes = self.goes.notified();
        tokio::pin!(goes);
        goes.as_mut().enable();
        if !self.is_going.load(Ordering::SeqCst) {
            goes.await;
        }
    }

    fn all_links(&self) -> Vec<Arc<Link>> {
        let links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        links.values().filter_map(Weak::upgrade).collect()
    }
}

/// Counts a connection until it ends, however it does, and tells of that.
struct Connected(Arc<Shared>, Option<Counted>);

impl Drop for Connected {
    fn drop(&mut self) {
        drop(self.1.take());
        self.0.ended.notify_waiters();
    }
}

/// Takes a connection out of the list when it ends, however it does.
struct Listed<'r>(&'r Shared, u64, Arc<Link>);

impl Drop for Listed<'_> {
    fn drop(&mut self) {
        let Self(shared, number, link) = self;
        link.end(End::Disconnected);
        let mut links = shared.links.lock().unwrap_or_else(PoisonError::into_inner);
        links.remove(number);
    }
}

async fn serve_one(
    shared: Arc<Shared>,
    acceptor: Acceptor,
    stream: TcpStream,
    address: SocketAddr,
) -> Result<()> {
    let link = Link::new(shared.clone(), address, acceptor.tls.is_some());
    let within = acceptor.options.connect_timeout.min(shared.options.login_timeout);
    let options = Options {
        servants: link.clone(),
        connect_timeout: within,
        // The real one is silent too.
        heartbeat: None,
        ..acceptor.options
    };
    let acceptor = Acceptor { options, ..acceptor };
    let (client, connection) = tokio::select! {
        accepted = acceptor.accept(stream) => accepted?,
        // Who has not even begun is not waited for.
        () = shared.going() => return Ok(()),
    };
    // It is set once, here.
    link.client.get_or_init(|| client);
    let number = shared.n_links.fetch_add(1, Ordering::SeqCst);
    let listed = Listed(&shared, number, link.clone());
    {
        let mut links = shared.links.lock().unwrap_or_else(PoisonError::into_inner);
        links.insert(number, Arc::downgrade(&link));
    }
    if shared.is_going.load(Ordering::SeqCst) {
        link.end_and_close(End::ShutDown);
    }
    let run = connection.run();
    tokio::pin!(run);
    loop {
        let wait = async {
            match link.deadline() {
                Some(at) => time::sleep(at.saturating_duration_since(Instant::now())).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            ended = &mut run => return ended,
            () = link.cut.notified() => break,
            () = link.changed.notified() => {}
            () = wait => if !link.look() { break },
        }
    }
    drop(listed);
    Err(Error::io("a connection", "the client broke the rules of the router"))
}
