//! What moves messages between a stream, calls that wait, and servants.

use std::{panic::AssertUnwindSafe, sync::Arc};

use futures_util::FutureExt;
use tokio::{
    sync::{
        Semaphore,
        mpsc::{self, error::TrySendError},
    },
    time,
};

use super::{
    Address, Client, Options,
    client::{Queued, Shared},
    pending::Pending,
    stream::{self, Incoming, Outgoing},
};
use crate::{
    Error, Result,
    wire::{Compression, Frame, Header, Message, MessageKind, Reply, ReplyBody, Request},
};

/// Messages that wait to be sent; more wait until there is room.
const QUEUE: usize = 64;
/// Bytes of messages that are put together to be sent at once.
const TOGETHER: usize = 64 << 10;

/// The work of a connection, until it ends.
#[must_use = "a connection does nothing until it runs"]
pub struct Connection {
    incoming: Incoming,
    outgoing: Outgoing,
    queue: mpsc::Receiver<Queued>,
    /// For answers of servants. Weak: a connection ends when nobody has a client any more.
    sender: mpsc::WeakSender<Queued>,
    /// On the side that was connected to, a connection lives without clients: calls come to it.
    kept: Option<mpsc::Sender<Queued>>,
    shared: Arc<Shared>,
    options: Options,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("options", &self.options).finish_non_exhaustive()
    }
}

/// Connects to a server, and waits until it says that it is there.
///
/// # Errors
/// `Io` when there is none, `Tls` when it is not trusted, `Frame` when it speaks something
/// else, `Timeout` when it says nothing.
pub async fn connect(address: &Address, options: Options) -> Result<(Client, Connection)> {
    let options = options.usable();
    let after = options.connect_timeout;
    let until = time::Instant::now() + after;
    let late = |what: String| {
        move |_: time::error::Elapsed| Error::Timeout { what, after, may_repeat: true }
    };
    let opened = stream::open(address, &options.verification, options.limits);
    let opened = time::timeout_at(until, opened).await;
    let (mut incoming, outgoing) = opened.map_err(late(format!("connecting to {address}")))??;
    // A server that speaks something else may wait for the client to begin.
    let hint = address.scheme.hint();
    let first = format!("the first word of {address}{hint}");
    match time::timeout_at(until, incoming.next()).await.map_err(late(first))? {
        Ok(Some((Header { kind: MessageKind::Validate, .. }, _))) => {}
        Ok(Some((header, _))) => {
            return Err(Error::Frame(format!(
                "the server begins with {:?}, not with the word that it is there",
                header.kind
            )));
        }
        Ok(None) => {
            let problem = format!("{address} closed it at once{hint}");
            return Err(Error::io("a connection", problem));
        }
        Err(Error::Io { what, problem }) => {
            return Err(Error::Io { what, problem: format!("{address}: {problem}{hint}") });
        }
        Err(error) => return Err(error),
    }
    Ok(new(incoming, outgoing, options, false))
}

/// A connection whose first message was sent or read; one that was `accepted` lives without
/// clients.
pub(super) fn new(
    incoming: Incoming,
    outgoing: Outgoing,
    options: Options,
    accepted: bool,
) -> (Client, Connection) {
    let (sender, queue) = mpsc::channel(QUEUE);
    let shared = Arc::new(Shared::new(&options, incoming.heard()));
    let weak = sender.downgrade();
    let kept = accepted.then(|| sender.clone());
    let client = Client::new(sender, shared.clone());
    (client, Connection { incoming, outgoing, queue, sender: weak, kept, shared, options })
}

impl Connection {
    /// Works until the connection ends: because a client closed it or no client is left, or the
    /// peer closed it.
    ///
    /// # Errors
    /// What it ended with, when nobody closed it. All calls that wait get an error too.
    pub async fn run(self) -> Result<()> {
        let Self { mut incoming, mut outgoing, queue, sender, kept: _kept, shared, options } = self;
        let reader = Reader {
            sender,
            shared: shared.clone(),
            options: options.clone(),
            permits: Arc::new(Semaphore::new(options.dispatches)),
        };
        // Whatever happens, even when this future is dropped, those who wait are told.
        let _told = TellAll(&shared.pending);
        let silence = async {
            match options.peer_timeout {
                Some(time) => shared.silence(time).await,
                None => std::future::pending().await,
            }
        };
        let ended = tokio::select! {
            // The peer's goodbye counts more than that nothing can be sent to it any more.
            biased;
            ended = reader.run(&mut incoming) => ended,
            ended = write(&mut outgoing, queue, &shared, &options) => ended,
            () = shared.cut.notified() => Ok(End::Cut),
            () = silence => Err(Error::io(
                "a connection",
                format!(
                    "the peer has sent nothing for {:?} while calls wait for its answers",
                    options.peer_timeout.unwrap_or_default()
                ),
            )),
        };
        match ended {
            Ok(End::Ours) => shared.pending.end("the connection was closed", false),
            Ok(End::Peer) => shared.pending.end("the server closed the connection", true),
            Ok(End::Cut) => {
                shared.pending.end("the connection was closed", false);
                return Ok(());
            }
            Err(error) => {
                shared.pending.end(&error.to_string(), false);
                return Err(error);
            }
        }
        stream::finish(incoming, outgoing).await;
        Ok(())
    }
}

struct TellAll<'p>(&'p Pending);

impl Drop for TellAll<'_> {
    fn drop(&mut self) {
        self.0.end("the connection's task was stopped", false);
    }
}

/// Who ended a connection as it should be.
enum End {
    Ours,
    Peer,
    /// Without a word, since servants or the peer took too long.
    Cut,
}

/// Sends what is queued, and heartbeats when nothing is. Ends when it is told to close, or
/// when nobody can queue anything any more.
async fn write(
    outgoing: &mut Outgoing,
    mut queue: mpsc::Receiver<Queued>,
    shared: &Shared,
    options: &Options,
) -> Result<End> {
    loop {
        let next = match (queue.try_recv(), options.heartbeat) {
            (Ok(next), _) => Some(next),
            (Err(_), None) => queue.recv().await,
            (Err(_), Some(after)) => match time::timeout(after, queue.recv()).await {
                Ok(next) => next,
                Err(_) => {
                    outgoing.send(Message::Validate.encode(Compression::Never)?).await?;
                    outgoing.flush().await?;
                    continue;
                }
            },
        };
        let mut next = next.unwrap_or(Queued::Close(true));
        let mut together: Vec<u8> = Vec::new();
        let mut waited = false;
        let goodbye = loop {
            let frame = match next {
                Queued::Close(goodbye) => break Some(goodbye),
                Queued::Call { id, bytes } if id == 0 || shared.pending.sent(id) => Some(bytes),
                // It was given up before it was sent.
                Queued::Call { .. } => None,
                Queued::Reply(bytes) => Some(bytes),
            };
            if let Some(frame) = frame {
                let is_large = together.len() + frame.head.len() > TOGETHER;
                if !together.is_empty() && (is_large || !outgoing.joins()) {
                    outgoing.send(std::mem::take(&mut together)).await?;
                }
                if together.is_empty() {
                    together = frame.head
                } else {
                    together.extend(frame.head)
                }
                if !frame.tail.is_empty() {
                    outgoing.send_parts(std::mem::take(&mut together), frame.tail).await?;
                }
            }
            let mut another = queue.try_recv();
            if another.is_err() && !waited {
                // Others may be about to queue something too: each time that bytes are sent
                // costs more than a turn of theirs.
                waited = true;
                tokio::task::yield_now().await;
                another = queue.try_recv();
            }
            match another {
                Ok(another) => next = another,
                Err(_) => break None,
            }
        };
        if !together.is_empty() {
            outgoing.send(together).await?;
        }
        if goodbye == Some(true) {
            outgoing.send(Message::Close.encode(Compression::Understood)?).await?;
        }
        outgoing.flush().await?;
        match goodbye {
            Some(true) => return Ok(End::Ours),
            Some(false) => return Ok(End::Cut),
            None => {}
        }
    }
}

/// Reads messages and gives them to whom they are for.
struct Reader {
    sender: mpsc::WeakSender<Queued>,
    shared: Arc<Shared>,
    options: Options,
    /// For calls of the peer that are worked on.
    permits: Arc<Semaphore>,
}

impl Reader {
    async fn run(self, incoming: &mut Incoming) -> Result<End> {
        loop {
            let limits = |limits| self.options.servants.limits(limits);
            let Some((header, body)) = incoming.next_within(limits).await? else {
                return Err(Error::io("a connection", "the server ended it without a word"));
            };
            // Of a message that is wrong inside, the number still tells whose it is.
            let id = body.first_chunk::<4>().map_or(0, |bytes| i32::from_le_bytes(*bytes));
            let limits = limits(self.options.limits);
            match (Message::decode(&header, body, &limits), header.kind) {
                (Ok(Message::Validate), _) => {}
                (Ok(Message::Close), _) => return Ok(End::Peer),
                (Ok(Message::Reply(Reply { id, body })), _) => {
                    self.shared.pending.answer(id, Ok(body));
                }
                (Ok(Message::Request(request)), _) => self.dispatch(request, header).await,
                (Ok(Message::Batch(calls)), _) => {
                    for call in calls {
                        self.dispatch(Request { id: 0, call }, header).await;
                    }
                }
                (Err(error @ Error::Decode { .. }), MessageKind::Reply) => {
                    self.shared.pending.answer(id, Err(error));
                }
                (Err(error @ Error::Decode { .. }), MessageKind::Request)
                    if header.compression != Compression::Bzip2 =>
                {
                    let body = ReplyBody::UnknownLocalException(error.to_string());
                    reply(&self.sender, &self.shared, id, body, header.compression).await;
                }
                (Err(error), _) => return Err(error),
            }
        }
    }

    /// Has a call of the peer answered, at the same time as others.
    async fn dispatch(&self, request: Request, header: Header) {
        let Ok(permit) = self.permits.clone().acquire_owned().await else { return };
        let Some(counted) = self.shared.begin_dispatch() else { return };
        let servants = self.options.servants.clone();
        // A servant that panics is the matter of this call alone: whoever made it is told, and
        // others on the connection go on.
        let work = AssertUnwindSafe(async move { servants.dispatch(request.call).await });
        let mut work = Box::pin(work.catch_unwind().map(|done| {
            done.unwrap_or_else(|_| ReplyBody::UnknownException("the servant panicked".to_owned()))
        }));
        let (sender, shared) = (self.sender.clone(), self.shared.clone());
        // What is answered at once needs no task of its own.
        if let Some(body) = (&mut work).now_or_never() {
            let frame = answer(&self.shared, request.id, body, header.compression);
            let Some((sender, frame)) = sender.upgrade().zip(frame) else { return };
            // When there is no room, reading goes on: the peer may be waiting for it.
            if let Err(TrySendError::Full(queued)) = sender.try_send(Queued::Reply(frame)) {
                tokio::spawn(async move {
                    // When the connection has ended nobody waits for it any more.
                    let _: std::result::Result<(), _> = sender.send(queued).await;
                    drop((permit, counted));
                });
            }
            return;
        }
        tokio::spawn(async move {
            let body = work.await;
            reply(&sender, &shared, request.id, body, header.compression).await;
            drop((permit, counted));
        });
    }
}

/// Queues an answer, unless none is wanted.
async fn reply(
    sender: &mpsc::WeakSender<Queued>,
    shared: &Shared,
    id: i32,
    body: ReplyBody,
    asked: Compression,
) {
    let frame = answer(shared, id, body, asked);
    if let Some((sender, frame)) = sender.upgrade().zip(frame) {
        // When the connection has ended nobody waits for it any more.
        let _: std::result::Result<(), _> = sender.send(Queued::Reply(frame)).await;
    }
}

/// An answer as bytes; none when none is wanted. One that cannot be sent, since it is too long
/// for instance, becomes one that says so.
fn answer(shared: &Shared, id: i32, body: ReplyBody, asked: Compression) -> Option<Frame> {
    if id == 0 {
        return None;
    }
    // Who can read compressed messages says so in each.
    let compression = match asked {
        Compression::Never => Compression::Never,
        _ => Compression::Bzip2,
    };
    let encoded = shared.encode(&Message::Reply(Reply { id, body }), compression);
    let encoded = encoded.or_else(|error| {
        let is_long = matches!(error, Error::Limit { .. });
        let name = if is_long { "Ice::MemoryLimitException: " } else { "" };
        let body = ReplyBody::UnknownLocalException(format!("{name}{error}"));
        Message::Reply(Reply { id, body }).encode_frame(Compression::Never)
    });
    // Nothing in a short text can fail.
    encoded.ok()
}
