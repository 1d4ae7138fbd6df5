//! When a peer was there last.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// When a peer was there last. Times are milliseconds after `began`.
pub(super) struct Heard {
    began: Instant,
    /// When bytes of messages came.
    message: AtomicU64,
    /// When it gave any sign of life.
    alive: AtomicU64,
    /// Since when it takes no more bytes; [`GOES_ON`] while it does.
    stuck: AtomicU64,
}

/// No time: what is sent goes on.
const GOES_ON: u64 = u64::MAX;

impl Heard {
    pub(super) fn new() -> Self {
        Self {
            began: Instant::now(),
            message: AtomicU64::new(0),
            alive: AtomicU64::new(0),
            stuck: AtomicU64::new(GOES_ON),
        }
    }

    fn now(&self) -> u64 {
        self.began.elapsed().as_millis() as u64
    }

    fn since(&self, then: u64) -> Duration {
        self.began.elapsed().saturating_sub(Duration::from_millis(then))
    }

    /// The bytes that came last were of messages.
    pub(super) fn message(&self) {
        self.message.store(self.alive.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    fn alive(&self) {
        self.alive.store(self.now(), Ordering::Relaxed);
    }

    /// For how long no bytes of messages came.
    pub(super) fn ago(&self) -> Duration {
        self.since(self.message.load(Ordering::Relaxed))
    }

    /// For how long there was no sign of life.
    pub(super) fn silent_for(&self) -> Duration {
        self.since(self.alive.load(Ordering::Relaxed))
    }

    /// For how long it has taken none of the bytes that are to be sent, when it takes none.
    pub(super) fn stuck_for(&self) -> Option<Duration> {
        let since = self.stuck.load(Ordering::Relaxed);
        (since != GOES_ON).then(|| self.since(since))
    }
}

/// A stream, or one direction of it, that is looked at for signs of life: bytes that come,
/// whatever is in them, and bytes that go on after they could not. Bytes that go at once are no
/// sign: the system takes some for a peer that is gone.
pub(super) struct Watched<S> {
    inner: S,
    heard: Arc<Heard>,
    /// Whether bytes wait to go.
    is_stuck: bool,
}

impl<S> Watched<S> {
    pub(super) fn new(inner: S, heard: Arc<Heard>) -> Self {
        Self { inner, heard, is_stuck: false }
    }

    fn wrote(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if written.is_pending() != self.is_stuck {
            self.is_stuck = written.is_pending();
            let now = self.heard.now();
            if self.is_stuck {
                self.heard.stuck.store(now, Ordering::Relaxed);
            } else {
                self.heard.stuck.store(GOES_ON, Ordering::Relaxed);
                self.heard.alive.store(now, Ordering::Relaxed);
            }
        }
        written
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.inner).poll_read(context, to);
        if read.is_ready() {
            self.heard.alive();
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.wrote(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(context, parts);
        self.wrote(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}
