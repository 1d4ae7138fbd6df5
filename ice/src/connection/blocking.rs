//! Calls that block the thread, for programs that are not asynchronous. In an asynchronous task
//! they fail, since they would stop others; in `tokio::task::spawn_blocking` they may be made.
//!
//! ```no_run
//! use ice::connection::{Options, blocking::Client};
//!
//! let client = Client::connect(&"tcp://localhost".parse()?, Options::default())?;
//! client.ping(&ice::wire::Identity::new("router", "OMERO.Glacier2"))?;
//! client.close();
//! # Ok::<(), ice::Error>(())
//! ```

use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Waker},
    time::Duration,
};

use tokio::{
    runtime::{Builder, Handle, Runtime},
    task::coop::consume_budget,
};

use super::{Address, Options};
use crate::{
    Error, Result,
    wire::{Call, Identity, ReplyBody},
};

/// A runtime that may be dropped anywhere.
#[derive(Debug)]
struct Owned(Option<Runtime>);

impl Drop for Owned {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// A thread that works for connections as long as one of the clones lives.
#[derive(Clone, Debug)]
pub(crate) struct Thread(Arc<Owned>);

impl Thread {
    /// Starts it.
    ///
    /// # Errors
    /// `Io` when the system gives none.
    pub(crate) fn start() -> Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("ice")
            .enable_all()
            .build()
            .map_err(|error| Error::io("a thread", error.to_string()))?;
        Ok(Self(Arc::new(Owned(Some(runtime)))))
    }
}

/// A connection with a thread of its own that works for it. Clones call at the same time, from
/// any thread.
#[derive(Clone, Debug)]
pub struct Client {
    runtime: Thread,
    client: super::Client,
}

impl Client {
    /// Connects to a server.
    ///
    /// # Errors
    /// As [`connect`](super::connect).
    pub fn connect(address: &Address, options: Options) -> Result<Self> {
        let runtime = Thread::start()?;
        let (client, connection) = wait(&runtime, super::connect(address, options))?;
        if let Some(running) = &runtime.0.0 {
            running.spawn(connection.run());
        }
        Ok(Self { runtime, client })
    }

    /// As [`Client::call`](super::Client::call).
    ///
    /// # Errors
    /// As there.
    pub fn call(&self, call: Call) -> Result<ReplyBody> {
        wait(&self.runtime, self.client.call(call))
    }

    /// As [`Client::call_within`](super::Client::call_within).
    ///
    /// # Errors
    /// As there.
    pub fn call_within(&self, call: Call, timeout: Option<Duration>) -> Result<ReplyBody> {
        wait(&self.runtime, self.client.call_within(call, timeout))
    }

    /// As [`Client::tell`](super::Client::tell).
    ///
    /// # Errors
    /// As there.
    pub fn tell(&self, call: Call) -> Result<()> {
        wait(&self.runtime, self.client.tell(call))
    }

    /// As [`Client::ping`](super::Client::ping).
    ///
    /// # Errors
    /// As there.
    pub fn ping(&self, identity: &Identity) -> Result<()> {
        wait(&self.runtime, self.client.ping(identity))
    }

    /// As [`Client::invoke`](super::Client::invoke).
    ///
    /// # Errors
    /// As there.
    #[cfg(feature = "omero")]
    pub fn invoke<R: crate::typed::Outcome>(
        &self,
        proxy: &crate::wire::Proxy,
        invocation: crate::typed::Invocation<R>,
        context: Vec<(String, String)>,
    ) -> Result<crate::typed::Answer<R>> {
        wait(&self.runtime, self.client.invoke(proxy, invocation, context))
    }

    /// As [`Client::invoke_within`](super::Client::invoke_within).
    ///
    /// # Errors
    /// As there.
    #[cfg(feature = "omero")]
    pub fn invoke_within<R: crate::typed::Outcome>(
        &self,
        proxy: &crate::wire::Proxy,
        invocation: crate::typed::Invocation<R>,
        context: Vec<(String, String)>,
        timeout: Option<Duration>,
    ) -> Result<crate::typed::Answer<R>> {
        wait(&self.runtime, self.client.invoke_within(proxy, invocation, context, timeout))
    }

    /// As [`Client::close`](super::Client::close).
    pub fn close(&self) {
        let closed = async {
            self.client.close().await;
            Ok(())
        };
        // In an asynchronous task it cannot be waited for; dropping the client closes too.
        let _: Result<()> = wait(&self.runtime, closed);
    }

    /// The client that does not block.
    pub fn asynchronous(&self) -> &super::Client {
        &self.client
    }
}

pub(crate) fn wait<T>(thread: &Thread, work: impl Future<Output = Result<T>>) -> Result<T> {
    let blocked = "it would block an asynchronous task; use the client that does not block there";
    match &thread.0.0 {
        Some(runtime) if !is_task() => runtime.block_on(work),
        _ => Err(Error::io("a blocking call", blocked)),
    }
}

/// More than the runtime gives a task at a time.
const BUDGET: usize = 1024;

/// Whether this thread works on an asynchronous task, which must not be blocked. A thread of
/// `spawn_blocking` knows a runtime too, and may be blocked. What tells them apart is that a task
/// may do only so much before others have their turn. (Whoever makes a task `unconstrained` is not
/// found out, and meets the panic of the runtime.)
fn is_task() -> bool {
    let mut context = Context::from_waker(Waker::noop());
    let mut is_over = || pin!(consume_budget()).poll(&mut context).is_pending();
    Handle::try_current().is_ok() && (0..BUDGET).any(|_| is_over())
}
