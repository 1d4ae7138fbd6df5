//! Calls on a connection.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{Notify, Semaphore, SemaphorePermit, mpsc},
    time,
};

use super::{
    Options,
    options::deadline,
    pending::{Pending, Ticket},
    room::Taken,
    watched::Heard,
};
use crate::{
    Error, Result,
    wire::{
        Call, Compression, Encapsulation, Encoding, Frame, Identity, Limits, Message, Mode,
        ReplyBody, Request,
    },
};

/// A message that waits to be sent.
pub(super) enum Queued {
    /// A call, with its number.
    Call { id: i32, bytes: Frame },
    /// An answer.
    Reply(Frame, Taken),
    /// The word that nothing more comes, or with `false` the end without it.
    Close(bool),
}

/// What clients and their connection have together.
pub(super) struct Shared {
    pub(super) pending: Arc<Pending>,
    /// Calls of the peer that are worked on.
    pub(super) busy: Arc<Busy>,
    permits: Semaphore,
    call_timeout: Option<Duration>,
    close_timeout: Duration,
    compression: Compression,
    limits: Limits,
    /// Whether no more calls of the peer are begun.
    closing: AtomicBool,
    /// Told when the connection is to end at once.
    pub(super) cut: Notify,
    heard: Arc<Heard>,
}

impl Shared {
    pub(super) fn new(options: &Options, heard: Arc<Heard>) -> Self {
        Self {
            pending: Arc::default(),
            busy: Arc::default(),
            permits: Semaphore::new(options.calls_in_flight),
            call_timeout: options.call_timeout,
            close_timeout: options.close_timeout,
            compression: options.compression,
            limits: options.limits,
            closing: AtomicBool::new(false),
            cut: Notify::new(),
            heard,
        }
    }

    /// A message as bytes. The limit is that of both directions: a peer ends the connection,
    /// with all calls on it, when a message is too long for it.
    pub(super) fn encode(&self, message: &Message, compression: Compression) -> Result<Frame> {
        let frame = message.encode_frame(compression)?;
        match frame.len() {
            n if n > self.limits.message_bytes => {
                Err(Error::limit("bytes of a message", n, self.limits.message_bytes))
            }
            _ => Ok(frame),
        }
    }

    /// Waits until the peer has given no sign of life for `time` while a call waits for its
    /// answer, or for being sent to a peer that takes no bytes.
    pub(super) async fn silence(&self, time: Duration) {
        loop {
            // Between two looks no call waits for longer than `time`.
            let sent = self.pending.since().map(|since| since.elapsed());
            let unsent = self.heard.stuck_for().filter(|_| self.pending.len() > 0);
            let quiet = sent.max(unsent).unwrap_or_default().min(self.heard.silent_for());
            match time.checked_sub(quiet) {
                Some(left) if !left.is_zero() => time::sleep(left).await,
                _ => return,
            }
        }
    }

    /// One more call of the peer that is worked on, unless the connection is being closed.
    /// Counted before it is asked: who closes either waits for it or it is not begun.
    pub(super) fn begin_dispatch(&self) -> Option<Counted> {
        let counted = self.busy.clone().count();
        (!self.closing.load(Ordering::SeqCst)).then_some(counted)
    }
}

/// Counts what is worked on.
#[derive(Default)]
pub(super) struct Busy {
    n: AtomicUsize,
    idle: Notify,
}

/// One more, until it is dropped.
pub(super) struct Counted(Arc<Busy>);

impl Busy {
    pub(super) fn count(self: Arc<Self>) -> Counted {
        self.n.fetch_add(1, Ordering::SeqCst);
        Counted(self)
    }

    async fn idle(&self) {
        loop {
            let told = self.idle.notified();
            tokio::pin!(told);
            told.as_mut().enable();
            if self.n.load(Ordering::SeqCst) == 0 {
                return;
            }
            told.await;
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if self.0.n.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.idle.notify_waiters();
        }
    }
}

/// Makes calls on a connection. Clones are cheap, and call at the same time.
#[derive(Clone)]
pub struct Client {
    sender: mpsc::Sender<Queued>,
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("waiting", &self.shared.pending.len())
            .finish_non_exhaustive()
    }
}

impl Client {
    pub(super) fn new(sender: mpsc::Sender<Queued>, shared: Arc<Shared>) -> Self {
        Self { sender, shared }
    }

    /// Makes a call and waits for the answer, for as long as the options say. A future that is
    /// dropped gives the call up: whether the server works on it is not known then.
    ///
    /// # Errors
    /// `Timeout` when no answer came in time, `Lost` when the connection ended, `Limit` when
    /// the message is too long. Answers that say that a call failed are answers here.
    pub async fn call(&self, call: Call) -> Result<ReplyBody> {
        self.call_within(call, self.shared.call_timeout).await
    }

    /// As [`Client::call`], with a time of its own; without one it waits as long as the
    /// connection lives.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn call_within(&self, call: Call, timeout: Option<Duration>) -> Result<ReplyBody> {
        let Some(after) = timeout else {
            let (_permit, mut ticket) = self.begin(call).await?;
            return ticket.answer().await;
        };
        let until = deadline(after);
        let what = format!("the answer of `{}`", call.operation);
        let Ok(begun) = time::timeout_at(until, self.begin(call)).await else {
            // It was not even queued.
            return Err(Error::Timeout { what, after, may_repeat: true });
        };
        let (_permit, mut ticket) = begun?;
        match time::timeout_at(until, ticket.answer()).await {
            Ok(answer) => answer,
            Err(_) => Err(Error::Timeout { what, after, may_repeat: ticket.give_up() }),
        }
    }

    /// Queues a call, when there may be one more; where its answer comes.
    async fn begin(&self, call: Call) -> Result<(SemaphorePermit<'_>, Ticket)> {
        let shared = &self.shared;
        let permit = shared.permits.acquire().await.map_err(|_| self.lost())?;
        let may_repeat = Mode::from_byte(call.mode).is_some_and(Mode::may_repeat);
        let ticket = shared.pending.add(may_repeat)?;
        let request = Message::Request(Request { id: ticket.id, call });
        let bytes = shared.encode(&request, shared.compression)?;
        let queued = Queued::Call { id: ticket.id, bytes };
        self.sender.send(queued).await.map_err(|_| self.lost())?;
        Ok((permit, ticket))
    }

    /// Makes a call that is not answered; waits until it can be sent.
    ///
    /// # Errors
    /// `Lost` when the connection has ended, `Limit` when the message is too long.
    pub async fn tell(&self, call: Call) -> Result<()> {
        if self.shared.pending.ended().is_some() {
            return Err(self.lost());
        }
        let request = Message::Request(Request { id: 0, call });
        let bytes = self.shared.encode(&request, self.shared.compression)?;
        let queued = Queued::Call { id: 0, bytes };
        self.sender.send(queued).await.map_err(|_| self.lost())
    }

    fn lost(&self) -> Error {
        let reason = self.shared.pending.ended();
        let reason = reason.unwrap_or_else(|| "the connection has ended".to_owned());
        // It was not sent.
        Error::Lost { reason, may_repeat: true }
    }

    /// Asks whether an object is there.
    ///
    /// # Errors
    /// `Refused` when it is not, else as [`Client::call`].
    pub async fn ping(&self, identity: &Identity) -> Result<()> {
        let call = Call {
            identity: identity.clone(),
            facet: String::new(),
            operation: "ice_ping".to_owned(),
            mode: Mode::Nonmutating.byte(),
            context: Vec::new(),
            parameters: Encapsulation::empty(Encoding::default()),
            limits: Limits::default(),
        };
        self.call(call).await?.into_result().map(|_| ())
    }

    /// The limits that answers are read with.
    pub fn limits(&self) -> &Limits {
        &self.shared.limits
    }

    /// How long a call may take that does not say so itself.
    pub fn call_timeout(&self) -> Option<Duration> {
        self.shared.call_timeout
    }

    /// How many calls wait for an answer.
    pub fn n_waiting(&self) -> usize {
        self.shared.pending.len()
    }

    /// Whether the connection takes no more calls.
    pub fn is_closed(&self) -> bool {
        self.shared.pending.ended().is_some()
    }

    /// Waits until the connection has ended.
    pub async fn ended(&self) {
        self.sender.closed().await;
    }

    /// For how long nothing has come from the peer.
    pub fn silent_for(&self) -> Duration {
        self.shared.heard.ago()
    }

    /// Closes the connection: takes no more calls, waits for the answers of those that were
    /// made and for servants that work on calls of the peer, as long as the options say, and
    /// says goodbye. When servants are not done by then it ends without a word: a goodbye says
    /// that what was not answered was not done.
    pub async fn close(&self) {
        let shared = &self.shared;
        shared.pending.refuse("the connection was closed");
        shared.closing.store(true, Ordering::SeqCst);
        let drained = async {
            shared.busy.idle().await;
            shared.pending.drained().await;
        };
        let _: std::result::Result<(), _> = time::timeout(shared.close_timeout, drained).await;
        let goodbye = shared.busy.n.load(Ordering::SeqCst) == 0;
        // When the connection has ended already, there is nobody to tell. A peer that does not
        // read is not waited for.
        let told = async {
            if self.sender.send(Queued::Close(goodbye)).await.is_ok() {
                self.sender.closed().await;
            }
        };
        if time::timeout(shared.close_timeout, told).await.is_err() {
            shared.cut.notify_one();
        }
    }
}

#[cfg(feature = "omero")]
impl Client {
    /// Makes a typed call of an object and waits for its results.
    ///
    /// # Errors
    /// `Exception` when the operation raised one, `Refused` when the server could not make the
    /// call; else as [`Client::call`] and [`decode`](crate::codec::decode).
    pub async fn invoke<R: crate::typed::Outcome>(
        &self,
        proxy: &crate::wire::Proxy,
        invocation: crate::typed::Invocation<R>,
        context: Vec<(String, String)>,
    ) -> Result<crate::typed::Answer<R>> {
        self.invoke_within(proxy, invocation, context, self.call_timeout()).await
    }

    /// As [`Client::invoke`], with a time of its own; without one it waits as long as the
    /// connection lives.
    ///
    /// # Errors
    /// As there.
    pub async fn invoke_within<R: crate::typed::Outcome>(
        &self,
        proxy: &crate::wire::Proxy,
        invocation: crate::typed::Invocation<R>,
        context: Vec<(String, String)>,
        timeout: Option<Duration>,
    ) -> Result<crate::typed::Answer<R>> {
        let call = prepare(proxy, &invocation, context)?;
        finish(&invocation, self.call_within(call, timeout).await?, self.limits())
    }
}

/// The call that an invocation on an object makes.
#[cfg(feature = "omero")]
pub(crate) fn prepare<R: crate::typed::Outcome>(
    proxy: &crate::wire::Proxy,
    invocation: &crate::typed::Invocation<R>,
    context: Vec<(String, String)>,
) -> Result<Call> {
    let encoding = match (proxy.encoding.major, proxy.encoding.minor) {
        (1, 0) => Encoding::V1_0,
        _ => Encoding::V1_1,
    };
    let operation = invocation.declaration()?;
    Ok(Call {
        identity: proxy.identity.clone(),
        facet: proxy.facet.clone(),
        operation: operation.name.to_string(),
        mode: operation.mode.byte(),
        context,
        parameters: invocation.encode(encoding)?,
        limits: Limits::default(),
    })
}

/// The results that an answer has.
#[cfg(feature = "omero")]
pub(crate) fn finish<R: crate::typed::Outcome>(
    invocation: &crate::typed::Invocation<R>,
    body: ReplyBody,
    limits: &Limits,
) -> Result<crate::typed::Answer<R>> {
    match body {
        ReplyBody::UserException(content) => {
            let schema = invocation.schema();
            let (exception, graph) = crate::codec::decode_exception(schema, &content, limits)?;
            Err(Error::Exception(Box::new((exception, graph))))
        }
        other => invocation.answer(&other.into_result()?, limits),
    }
}
