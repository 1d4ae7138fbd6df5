//! One connection of a router.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{runtime::Handle, sync::Notify};

use super::{
    End, HostedSession, Peer, operations,
    serve::{Counted, Shared},
    table::Table,
};
use crate::{
    connection::{Client, Reply, Servant},
    wire::{Call, Limits, ReplyBody},
};

/// A connection, and the session on it.
pub(super) struct Link {
    pub(super) router: Arc<Shared>,
    pub(super) address: SocketAddr,
    pub(super) is_secure: bool,
    /// The category of objects of this client.
    pub(super) category: Arc<str>,
    /// Set before the first message is read.
    pub(super) client: OnceLock<Client>,
    state: Mutex<State>,
    /// How many sessions there were.
    n_sessions: AtomicU64,
    /// Calls that are worked on, of this session and of those before.
    n_working: AtomicUsize,
    /// Calls of who was not let in yet, and logins that were refused.
    n_strange: AtomicUsize,
    n_refused: AtomicUsize,
    /// Told when times have changed.
    pub(super) changed: Notify,
    /// Told when the connection is to be cut.
    pub(super) cut: Notify,
    me: Weak<Link>,
    /// Where the connection is served: a host may end a session from any thread.
    runtime: Handle,
}

/// Bytes of a message, also decompressed, of who is not let in. A login has a few hundred.
const STRANGER_BYTES: usize = 1 << 20;
/// Bytes that a compressed one may become: it takes a processor's time.
const STRANGER_COMPRESSED: usize = 16 << 10;
/// Calls of a batch of who is not let in: there is none that makes sense.
const STRANGER_BATCH: usize = 16;
/// Calls on a connection before somebody is let in; clients make less than ten.
const STRANGER_CALLS: usize = 100;
/// Logins on a connection that are refused one after the other.
const REFUSED_LOGINS: usize = 10;

/// Where a connection is in its life.
enum State {
    /// Connected then.
    New(Instant),
    /// Somebody is being let in on a connection that had no session since then.
    LoggingIn(Instant),
    Open(Open),
    /// Ended then, or when the last of its calls was answered after that.
    Ended(End, Instant),
}

struct Open {
    /// Which of the connection's sessions it is.
    number: u64,
    session: Arc<dyn HostedSession>,
    table: Table,
    last_call: Instant,
    /// Calls of the session that are worked on.
    n_running: usize,
    _counted: Counted,
}

/// What is done with a call of a session's object.
enum Fate<'l> {
    Dispatch(Arc<dyn HostedSession>, Running<'l>),
    Answer(ReplyBody),
    /// No answer: the connection ends.
    Cut,
}

impl Link {
    /// Must be called where the connection is served: in a runtime.
    pub(super) fn new(router: Arc<Shared>, address: SocketAddr, is_secure: bool) -> Arc<Self> {
        let category = format!("_{}", uuid::Uuid::now_v7().simple());
        Arc::new_cyclic(|me| Self {
            router,
            address,
            is_secure,
            category: category.into(),
            client: OnceLock::new(),
            state: Mutex::new(State::New(Instant::now())),
            n_sessions: AtomicU64::new(0),
            n_working: AtomicUsize::new(0),
            n_strange: AtomicUsize::new(0),
            n_refused: AtomicUsize::new(0),
            changed: Notify::new(),
            cut: Notify::new(),
            me: me.clone(),
            runtime: Handle::current(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held, and each change is one assignment.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The client as a host sees it; none before the connection works.
    pub(super) fn peer(&self) -> Option<Peer> {
        let client = self.client.get()?.clone();
        Some(Peer { client, category: self.category.clone(), link: self.me.clone() })
    }

    /// Begins to let somebody in; false when there is a session, or one is being made.
    pub(super) fn begin_login(&self) -> bool {
        let mut state = self.state();
        let since = match *state {
            State::New(since) => since,
            State::Ended(..) => Instant::now(),
            State::LoggingIn(_) | State::Open(_) => return false,
        };
        *state = State::LoggingIn(since);
        drop(state);
        self.changed.notify_one();
        true
    }

    /// Nobody was let in.
    pub(super) fn fail_login(&self) {
        self.n_refused.fetch_add(1, Ordering::SeqCst);
        let mut state = self.state();
        if let State::LoggingIn(since) = *state {
            *state = State::New(since);
        }
    }

    /// Somebody was let in; false when the connection has gone in the meantime, so that there
    /// must be no session either.
    pub(super) fn open(&self, session: Arc<dyn HostedSession>, counted: Counted) -> bool {
        let table = Table::new(self.router.options.table_size);
        let last_call = Instant::now();
        let mut state = self.state();
        if !matches!(*state, State::LoggingIn(_)) {
            return false;
        }
        let number = self.n_sessions.fetch_add(1, Ordering::SeqCst);
        *state = State::Open(Open {
            number,
            session,
            table,
            last_call,
            n_running: 0,
            _counted: counted,
        });
        drop(state);
        self.n_strange.store(0, Ordering::SeqCst);
        self.n_refused.store(0, Ordering::SeqCst);
        self.changed.notify_one();
        true
    }

    /// Whether a call is one too many of who is not let in: passwords are not to be tried, nor
    /// is the router to be kept busy, on one connection.
    fn is_too_strange(&self) -> bool {
        self.is_new()
            && (self.n_strange.fetch_add(1, Ordering::SeqCst) >= STRANGER_CALLS
                || self.n_refused.load(Ordering::SeqCst) >= REFUSED_LOGINS)
    }

    /// Changes the table of a session; none when there is no session.
    pub(super) fn with_table<T>(&self, change: impl FnOnce(&mut Table) -> T) -> Option<T> {
        match &mut *self.state() {
            State::Open(open) => Some(change(&mut open.table)),
            _ => None,
        }
    }

    /// Whether there is a session.
    pub(super) fn is_open(&self) -> bool {
        matches!(*self.state(), State::Open(_))
    }

    /// Ends the session, if there is one that has not ended; whether there was.
    pub(super) fn end(&self, why: End) -> bool {
        let mut state = self.state();
        if matches!(*state, State::Ended(..)) {
            return false;
        }
        let before = std::mem::replace(&mut *state, State::Ended(why, Instant::now()));
        drop(state);
        self.changed.notify_one();
        let State::Open(open) = before else { return false };
        self.runtime.spawn(async move { open.session.ended(why).await });
        true
    }

    /// Ends the session and then, when all calls are answered, the connection. Does not wait,
    /// since who asks for it may be one of those calls.
    pub(super) fn end_and_close(&self, why: End) -> bool {
        let was_open = self.end(why);
        if let Some(client) = self.client.get().cloned() {
            self.runtime.spawn(async move { client.close().await });
        }
        was_open
    }

    /// When something is to be looked at: a login that takes too long, or a session that is not
    /// used.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let options = &self.router.options;
        let is_set = |time: Duration| (!time.is_zero()).then_some(time);
        // Of a time that is too long to be told there is no end.
        let silent = || {
            let since = self.client.get().map_or_else(Default::default, Client::silent_for);
            let left = is_set(options.session_timeout)?.saturating_sub(since);
            Instant::now().checked_add(left)
        };
        match &*self.state() {
            State::New(since) | State::LoggingIn(since) => since.checked_add(options.login_timeout),
            State::Open(open) => {
                let idle = is_set(options.idle_timeout).filter(|_| open.n_running == 0);
                let idle = idle.and_then(|time| open.last_call.checked_add(time));
                idle.into_iter().chain(silent()).min()
            }
            // What was called before is answered.
            State::Ended(..) if self.n_working.load(Ordering::SeqCst) > 0 => None,
            // The client learns with its next call. One that makes none is not waited for for
            // ever, whatever else it sends.
            State::Ended(_, since) => {
                let time = is_set(options.session_timeout).or(is_set(options.idle_timeout));
                since.checked_add(time?)
            }
        }
    }

    /// Ends what has lasted too long; false when the connection is to be cut.
    pub(super) fn look(&self) -> bool {
        let Some(deadline) = self.deadline() else { return true };
        if deadline > Instant::now() {
            return true;
        }
        let options = &self.router.options;
        let is_idle = match &*self.state() {
            State::New(_) | State::LoggingIn(_) | State::Ended(..) => return false,
            State::Open(open) => {
                !options.idle_timeout.is_zero()
                    && open.n_running == 0
                    && open.last_call.elapsed() >= options.idle_timeout
            }
        };
        self.end(if is_idle { End::Idle } else { End::TimedOut });
        true
    }

    /// Why the session has ended, if it has.
    pub(super) fn ended(&self) -> Option<End> {
        match *self.state() {
            State::Ended(why, _) => Some(why),
            _ => None,
        }
    }

    /// Ends the connection in place of an answer.
    pub(super) async fn cut_off(&self, call: &Call) -> ReplyBody {
        self.cut.notify_one();
        if let Some(client) = self.client.get() {
            client.ended().await;
        }
        // Nobody gets it: the connection is gone.
        not_in_table(call)
    }

    /// Whether nobody was let in yet.
    fn is_new(&self) -> bool {
        matches!(*self.state(), State::New(_) | State::LoggingIn(_))
    }

    /// What becomes of a call of an object that is not the router.
    fn fate(&self, call: &Call) -> Fate<'_> {
        match &mut *self.state() {
            // Only the router answers to who is not let in, and nobody to who was silent for
            // too long.
            State::New(_) | State::LoggingIn(_) | State::Ended(End::TimedOut, _) => Fate::Cut,
            State::Ended(End::Idle, _) => Fate::Answer(ReplyBody::UnknownException(format!(
                "omero.SessionTimeoutException: the session exceeded timeToIdle of {} s",
                self.router.options.idle_timeout.as_secs_f64()
            ))),
            State::Ended(..) => Fate::Answer(not_in_table(call)),
            State::Open(open) => {
                if !open.table.touch(&call.identity) && self.router.options.table_is_required {
                    return Fate::Answer(not_in_table(call));
                }
                open.last_call = Instant::now();
                open.n_running += 1;
                self.n_working.fetch_add(1, Ordering::SeqCst);
                Fate::Dispatch(open.session.clone(), Running(self, open.number))
            }
        }
    }
}

/// Says by the name of an operation that it is the table where the object is missing, so that
/// the client tells of it and calls again.
fn not_in_table(call: &Call) -> ReplyBody {
    ReplyBody::ObjectNotExist {
        identity: call.identity.clone(),
        facet: call.facet.clone(),
        operation: "ice_add_proxy".to_owned(),
    }
}

/// A call of a session: one less when it is done, also when it is given up. The session may
/// have ended, and there may be another one by then.
struct Running<'l>(&'l Link, u64);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        self.0.n_working.fetch_sub(1, Ordering::SeqCst);
        match &mut *state {
            State::Open(open) if open.number == self.1 => {
                open.n_running = open.n_running.saturating_sub(1);
                open.last_call = Instant::now();
            }
            // The answer is to be sent yet.
            State::Ended(_, since) => *since = Instant::now(),
            _ => {}
        }
        drop(state);
        self.0.changed.notify_one();
    }
}

impl Servant for Link {
    fn limits(&self, options: Limits) -> Limits {
        match &*self.state() {
            State::Open(_) => Limits { compressed_times: usize::MAX, ..options },
            State::Ended(..) => options,
            State::New(_) | State::LoggingIn(_) => Limits {
                message_bytes: options.message_bytes.min(STRANGER_BYTES),
                compressed_bytes: options.compressed_bytes.min(STRANGER_COMPRESSED),
                compressed_times: 0,
                batch_calls: options.batch_calls.min(STRANGER_BATCH),
                ..options
            },
        }
    }

    fn dispatch(&self, call: Call) -> Reply<'_> {
        Box::pin(async move {
            // Who was silent for too long learns of the end with whatever it calls first.
            if self.ended() == Some(End::TimedOut) || self.is_too_strange() {
                return self.cut_off(&call).await;
            }
            if call.identity == self.router.identity {
                return operations::answer(self, call).await;
            }
            match self.fate(&call) {
                Fate::Dispatch(session, _running) => session.dispatch(call).await,
                Fate::Answer(body) => body,
                Fate::Cut => self.cut_off(&call).await,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::BoxFuture;

    use super::*;
    use crate::{
        connection::NoServants,
        glacier2::router::{Host, LoginRequest, Made, Refusal, Router, RouterOptions},
        wire::{Encapsulation, Encoding, Identity},
    };

    impl HostedSession for NoServants {}

    struct Nobody;

    impl Host for Nobody {
        fn create(&self, _: LoginRequest) -> BoxFuture<'_, Result<Made, Refusal>> {
            Box::pin(std::future::ready(Err(Refusal::denied("nobody"))))
        }
    }

    fn open(link: &Link) {
        assert!(link.begin_login());
        let counted = link.router.sessions.one_more().unwrap();
        assert!(link.open(Arc::new(NoServants), counted));
    }

    fn begin(link: &Link) -> Running<'_> {
        let call = Call {
            identity: Identity::named("x"),
            facet: String::new(),
            operation: "x".to_owned(),
            mode: 0,
            context: Vec::new(),
            parameters: Encapsulation::empty(Encoding::default()),
            limits: Limits::default(),
        };
        let Fate::Dispatch(_, running) = link.fate(&call) else { panic!("it is not worked on") };
        running
    }

    #[tokio::test]
    async fn calls_of_a_session_that_has_ended() {
        let options = RouterOptions { table_is_required: false, ..RouterOptions::default() };
        let router = Router::new(options, Arc::new(Nobody));
        let address = ([127, 0, 0, 1], 1).into();
        let link = Link::new(router.0.clone(), address, false);
        open(&link);
        let old = begin(&link);
        assert!(link.end(End::Idle));
        open(&link);
        let new = begin(&link);
        let n_running = || match &*link.state() {
            State::Open(open) => open.n_running,
            _ => panic!("there is no session"),
        };
        drop(old);
        assert_eq!(n_running(), 1);
        drop(new);
        assert_eq!(n_running(), 0);
    }
}
