//! What moves messages between a stream, calls that wait, and servants.

use std::{panic::AssertUnwindSafe, sync::Arc};

use bytes::Bytes;
use futures_util::FutureExt;
use tokio::{
    sync::{
        Semaphore,
        mpsc::{self, error::TrySendError},
        oneshot,
    },
    task, time,
};

use super::{
    Address, Client, Options,
    client::{Queued, Shared},
    pending::Pending,
    room::Room,
    stream::{self, Incoming, Outgoing},
};
use crate::{
    Error, Result,
    wire::{Compression, Frame, Header, Limits, Message, MessageKind, Reply, ReplyBody, Request},
};

/// Messages that wait to be sent; more wait until there is room.
const QUEUE: usize = 64;
/// Bytes of messages that are put together to be sent at once.
const TOGETHER: usize = 64 << 10;
/// What is longer is not (de)compressed where all connections are worked on, and servants do not
/// begin to work on it there: it takes long, for others too.
const LARGE: usize = 1 << 20;
/// Bytes of calls that are worked on, and of answers that wait to be sent, in longest messages.
/// When there are more, no further call is begun.
const ROOM: usize = 2;

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
            calls: Room::new(options.limits.message_bytes.saturating_mul(ROOM)),
            answers: Room::new(options.limits.message_bytes.saturating_mul(ROOM)),
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
            let (frame, _taken) = match next {
                Queued::Close(goodbye) => break Some(goodbye),
                Queued::Call { id, bytes } if id == 0 || shared.pending.sent(id) => {
                    (Some(bytes), None)
                }
                // It was given up before it was sent.
                Queued::Call { .. } => (None, None),
                // It takes room until it is sent.
                Queued::Reply(bytes, taken) => (Some(bytes), Some(taken)),
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
    /// For their bytes, and for those of answers that are not sent yet.
    calls: Arc<Room>,
    answers: Arc<Room>,
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
            let limits = match (header.compression, limits(self.options.limits)) {
                (Compression::Bzip2, limits) => limits.of_compressed(header.n_bytes),
                (_, limits) => limits,
            };
            match (decode(header, body, limits).await, header.kind) {
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
                    let compression = compression_of_answer(header, &limits);
                    self.answerer(id, compression).reply(body).await;
                }
                (Err(error), _) => return Err(error),
            }
        }
    }

    fn answerer(&self, id: i32, compression: Compression) -> Answerer {
        Answerer {
            sender: self.sender.clone(),
            shared: self.shared.clone(),
            room: self.answers.clone(),
            id,
            compression,
        }
    }

    /// Has a call of the peer answered, at the same time as others.
    async fn dispatch(&self, request: Request, header: Header) {
        self.calls.wait().await;
        self.answers.wait().await;
        let Ok(permit) = self.permits.clone().acquire_owned().await else { return };
        let Some(counted) = self.shared.begin_dispatch() else { return };
        let servants = self.options.servants.clone();
        let n_bytes = request.call.parameters.content.len();
        let taken = self.calls.take(n_bytes);
        let compression = compression_of_answer(header, &request.call.limits);
        let answerer = self.answerer(request.id, compression);
        // A servant that panics is the matter of this call alone: whoever made it is told, and
        // others on the connection go on.
        let work = AssertUnwindSafe(async move { servants.dispatch(request.call).await });
        let mut work = Box::pin(work.catch_unwind().map(|done| {
            done.unwrap_or_else(|_| ReplyBody::UnknownException("the servant panicked".to_owned()))
        }));
        if n_bytes > LARGE {
            // The next message waits until it has begun, as it does for a short one.
            let (begins, begun) = oneshot::channel::<()>();
            tokio::spawn(async move {
                let first = move || ((&mut work).now_or_never(), work);
                // It fails only when everything is stopped.
                let Ok((first, work)) = task::spawn_blocking(first).await else { return };
                drop(begins);
                let body = match first {
                    Some(body) => body,
                    None => work.await,
                };
                drop(taken);
                answerer.reply(body).await;
                drop((permit, counted));
            });
            // Nothing is ever sent: it is dropped.
            let _: std::result::Result<(), _> = begun.await;
            return;
        }
        // What is answered at once needs no task of its own.
        if let Some(body) = (&mut work).now_or_never() {
            if answerer.is_heavy(&body) {
                tokio::spawn(async move {
                    answerer.reply(body).await;
                    drop((permit, counted));
                });
                return;
            }
            let frame = answer(&answerer.shared, answerer.id, body, compression);
            let Some((sender, queued)) = answerer.queued(frame) else { return };
            // When there is no room, reading goes on: the peer may be waiting for it.
            if let Err(TrySendError::Full(queued)) = sender.try_send(queued) {
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
            drop(taken);
            answerer.reply(body).await;
            drop((permit, counted));
        });
    }
}

/// Reads a message. A long one that is compressed is read where it holds nobody up.
async fn decode(header: Header, body: Bytes, limits: Limits) -> Result<Message> {
    // What it says of its length is held to when it is decompressed.
    let says = body.first_chunk::<4>().map_or(0, |bytes| i32::from_le_bytes(*bytes));
    let is_large = usize::try_from(says).is_ok_and(|n| n > LARGE);
    if header.compression != Compression::Bzip2 || !is_large {
        return Message::decode(&header, body, &limits);
    }
    let read = task::spawn_blocking(move || Message::decode(&header, body, &limits)).await;
    read.unwrap_or_else(|_| Err(Error::io("a connection", "a message could not be read")))
}

/// Who can read compressed messages says so in each. Those that may not send them, since nobody
/// knows them yet, get none either: it takes a processor's time.
fn compression_of_answer(header: Header, limits: &Limits) -> Compression {
    match header.compression {
        Compression::Never => Compression::Never,
        _ if limits.compressed_times == 0 => Compression::Understood,
        _ => Compression::Bzip2,
    }
}

/// Where the answer of a call goes.
struct Answerer {
    sender: mpsc::WeakSender<Queued>,
    shared: Arc<Shared>,
    room: Arc<Room>,
    id: i32,
    compression: Compression,
}

impl Answerer {
    /// Whether it takes long to compress.
    fn is_heavy(&self, body: &ReplyBody) -> bool {
        let (ReplyBody::Ok(content) | ReplyBody::UserException(content)) = body else {
            return false;
        };
        self.compression == Compression::Bzip2 && content.content.len() > LARGE
    }

    fn queued(&self, frame: Option<Frame>) -> Option<(mpsc::Sender<Queued>, Queued)> {
        let (sender, frame) = self.sender.upgrade().zip(frame)?;
        let taken = self.room.take(frame.len());
        Some((sender, Queued::Reply(frame, taken)))
    }

    /// Queues an answer, unless none is wanted.
    async fn reply(self, body: ReplyBody) {
        let (id, compression) = (self.id, self.compression);
        let frame = if self.is_heavy(&body) {
            let shared = self.shared.clone();
            let encode = move || answer(&shared, id, body, compression);
            // It fails only when everything is stopped.
            task::spawn_blocking(encode).await.ok().flatten()
        } else {
            answer(&self.shared, id, body, compression)
        };
        if let Some((sender, queued)) = self.queued(frame) {
            // When the connection has ended nobody waits for it any more.
            let _: std::result::Result<(), _> = sender.send(queued).await;
        }
    }
}

/// An answer as bytes; none when none is wanted. One that cannot be sent, since it is too long
/// for instance, becomes one that says so.
fn answer(shared: &Shared, id: i32, body: ReplyBody, compression: Compression) -> Option<Frame> {
    if id == 0 {
        return None;
    }
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
