//! A session for programs that are not asynchronous.

use std::time::Duration;

use super::{Login, Session as Asynchronous};
use crate::{
    Result,
    connection::{
        Address, Options,
        blocking::{Thread, wait},
    },
    typed::{Answer, Invocation, Outcome},
    wire::{Call, Proxy, ReplyBody},
};

/// A session with a thread of its own that works for it; as [`Session`](super::Session), but
/// each call waits. Clones call at the same time, from any thread.
///
/// ```no_run
/// use ice::{
///     connection::Options,
///     glacier2::{Credentials, Login, blocking::Session},
///     omero::api::ServiceFactory,
/// };
///
/// let login = Login::new(Credentials::password("root", "secret"));
/// let session = Session::connect(&"omero.example".parse()?, Options::default(), login)?;
/// let query = session.invoke_own(ServiceFactory::get_query_service())?;
/// println!("{:?}", query.get()?);
/// session.destroy()?;
/// # Ok::<(), ice::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Session {
    // Dropped first, while there is a runtime to say goodbye in.
    session: Asynchronous,
    thread: Thread,
}

impl Session {
    /// As [`Session::connect`](super::Session::connect).
    ///
    /// # Errors
    /// As there, and `Io` in an asynchronous task.
    pub fn connect(address: &Address, options: Options, login: Login) -> Result<Self> {
        let thread = Thread::start()?;
        let session = wait(&thread, Asynchronous::connect(address, options, login))?;
        Ok(Self { session, thread })
    }

    /// As [`Session::invoke`](super::Session::invoke).
    ///
    /// # Errors
    /// As there.
    pub fn invoke<R: Outcome>(
        &self,
        proxy: &Proxy,
        invocation: Invocation<R>,
    ) -> Result<Answer<R>> {
        wait(&self.thread, self.session.invoke(proxy, invocation))
    }

    /// As [`Session::invoke_own`](super::Session::invoke_own).
    ///
    /// # Errors
    /// As there.
    pub fn invoke_own<R: Outcome>(&self, invocation: Invocation<R>) -> Result<Answer<R>> {
        wait(&self.thread, self.session.invoke_own(invocation))
    }

    /// As [`Session::invoke_within`](super::Session::invoke_within).
    ///
    /// # Errors
    /// As there.
    pub fn invoke_within<R: Outcome>(
        &self,
        proxy: &Proxy,
        invocation: Invocation<R>,
        timeout: Option<Duration>,
    ) -> Result<Answer<R>> {
        wait(&self.thread, self.session.invoke_within(proxy, invocation, timeout))
    }

    /// As [`Session::invoke_own_within`](super::Session::invoke_own_within).
    ///
    /// # Errors
    /// As there.
    pub fn invoke_own_within<R: Outcome>(
        &self,
        invocation: Invocation<R>,
        timeout: Option<Duration>,
    ) -> Result<Answer<R>> {
        wait(&self.thread, self.session.invoke_own_within(invocation, timeout))
    }

    /// As [`Session::call`](super::Session::call).
    ///
    /// # Errors
    /// As there.
    pub fn call(&self, proxy: &Proxy, call: Call) -> Result<ReplyBody> {
        wait(&self.thread, self.session.call(proxy, call))
    }

    /// As [`Session::call_within`](super::Session::call_within).
    ///
    /// # Errors
    /// As there.
    pub fn call_within(
        &self,
        proxy: &Proxy,
        call: Call,
        timeout: Option<Duration>,
    ) -> Result<ReplyBody> {
        wait(&self.thread, self.session.call_within(proxy, call, timeout))
    }

    /// As [`Session::add_proxies`](super::Session::add_proxies).
    ///
    /// # Errors
    /// As there.
    pub fn add_proxies(&self, proxies: &[&Proxy]) -> Result<()> {
        wait(&self.thread, self.session.add_proxies(proxies))
    }

    /// As [`Session::refresh`](super::Session::refresh).
    ///
    /// # Errors
    /// As there.
    pub fn refresh(&self) -> Result<()> {
        wait(&self.thread, self.session.refresh())
    }

    /// As [`Session::with_context`](super::Session::with_context).
    #[must_use]
    pub fn with_context(&self, key: &str, value: &str) -> Self {
        Self { session: self.session.with_context(key, value), thread: self.thread.clone() }
    }

    /// As [`Session::in_group`](super::Session::in_group).
    #[must_use]
    pub fn in_group(&self, id: i64) -> Self {
        Self { session: self.session.in_group(id), thread: self.thread.clone() }
    }

    /// As [`Session::destroy`](super::Session::destroy).
    ///
    /// # Errors
    /// As there.
    pub fn destroy(self) -> Result<()> {
        wait(&self.thread, self.session.destroy())
    }

    /// The session that does not block, which also tells of itself: its object, key, category,
    /// times and context.
    pub fn asynchronous(&self) -> &Asynchronous {
        &self.session
    }
}
