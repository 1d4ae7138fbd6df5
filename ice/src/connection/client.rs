//! Calls on a connection.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{Notify, Semaphore, mpsc},
    time,
};

use super::{
    Options,
    pending::{Pending, Ticket},
};
use crate::{
    Error, Result,
    wire::{
        Call, Compression, Encapsulation, Encoding, Identity, Limits, Message, Mode, ReplyBody,
        Request,
    },
};

/// A message that waits to be sent.
pub(super) enum Queued {
    /// A call, with its number.
    Call { id: i32, bytes: Vec<u8> },
    /// An answer.
    Reply(Vec<u8>),
    /// The word that nothing more comes.
    Close,
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
}

impl Shared {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            pending: Arc::default(),
            busy: Arc::default(),
            permits: Semaphore::new(options.calls_in_flight),
            call_timeout: options.call_timeout,
            close_timeout: options.close_timeout,
            compression: options.compression,
            limits: options.limits,
        }
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
        let Some(after) = timeout else { return self.wait_for(call).await };
        let what = format!("the answer of `{}`", call.operation);
        let answer = time::timeout(after, self.wait_for(call)).await;
        answer.unwrap_or(Err(Error::Timeout { what, after }))
    }

    async fn wait_for(&self, call: Call) -> Result<ReplyBody> {
        let shared = &self.shared;
        let _permit = shared.permits.acquire().await.map_err(|_| self.lost())?;
        let may_repeat = Mode::from_byte(call.mode).is_some_and(Mode::may_repeat);
        let mut ticket: Ticket = shared.pending.add(may_repeat)?;
        let request = Message::Request(Request { id: ticket.id, call });
        let queued = Queued::Call { id: ticket.id, bytes: request.encode(shared.compression)? };
        self.sender.send(queued).await.map_err(|_| self.lost())?;
        ticket.answer().await
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
        let queued = Queued::Call { id: 0, bytes: request.encode(self.shared.compression)? };
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
        };
        self.call(call).await?.into_result().map(|_| ())
    }

    /// The limits that answers are read with.
    pub fn limits(&self) -> &Limits {
        &self.shared.limits
    }

    /// How many calls wait for an answer.
    pub fn n_waiting(&self) -> usize {
        self.shared.pending.len()
    }

    /// Whether the connection takes no more calls.
    pub fn is_closed(&self) -> bool {
        self.shared.pending.ended().is_some()
    }

    /// Closes the connection: takes no more calls, waits for the answers of those that were
    /// made and for servants that work on calls of the peer, as long as the options say, and
    /// says goodbye.
    pub async fn close(&self) {
        self.shared.pending.refuse("the connection was closed");
        let drained = async {
            self.shared.pending.drained().await;
            self.shared.busy.idle().await;
        };
        let _: std::result::Result<(), _> = time::timeout(self.shared.close_timeout, drained).await;
        // When the connection has ended already, there is nobody to tell.
        if self.sender.send(Queued::Close).await.is_ok() {
            self.sender.closed().await;
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
        let encoding = match (proxy.encoding.major, proxy.encoding.minor) {
            (1, 0) => Encoding::V1_0,
            _ => Encoding::V1_1,
        };
        let operation = invocation.declaration()?;
        let call = Call {
            identity: proxy.identity.clone(),
            facet: proxy.facet.clone(),
            operation: operation.name.to_string(),
            mode: operation.mode.byte(),
            context,
            parameters: invocation.encode(encoding)?,
        };
        match self.call(call).await? {
            ReplyBody::UserException(content) => {
                let schema = invocation.schema();
                let (exception, graph) =
                    crate::codec::decode_exception(schema, &content, self.limits())?;
                Err(Error::Exception(Box::new((exception, graph))))
            }
            other => invocation.answer(&other.into_result()?, self.limits()),
        }
    }
}
