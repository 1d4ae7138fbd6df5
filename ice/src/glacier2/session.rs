//! A client's session.

use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use tokio::{task::AbortHandle, time};

use super::{Login, credentials::set, keep_alive, key, login, routes::Routes};
use crate::{
    Error, Result,
    connection::{Adapter, Address, Client, Options, Servant, connect, deadline, finish, prepare},
    omero::{self, glacier2::Router},
    typed::{Answer, Interface, Invocation, Outcome},
    wire::{Call, Endpoint, Identity, Proxy, ReplyBody},
};

/// A session at a router. Clones are cheap and share it; it ends when the last is dropped or
/// with [`Session::destroy`].
///
/// Calls of objects go by [`Session::invoke`]. The router is told of each object before it is
/// called first; of those that it forgets it is told again.
#[derive(Clone)]
pub struct Session {
    pub(super) shared: Arc<Shared>,
    context: Arc<[(String, String)]>,
    /// Stops what works for the session when nobody has it any more. Not in `shared`, which those
    /// tasks have too.
    tasks: Arc<Tasks>,
}

pub(super) struct Shared {
    pub(super) client: Client,
    router: Proxy,
    /// The session's object, if it has one.
    pub(super) object: Option<Proxy>,
    callbacks: Arc<Adapter>,
    category: String,
    /// Where servers of the router's side find objects of this client.
    callback_endpoints: Vec<Endpoint>,
    session_timeout: Option<Duration>,
    acm_timeout: Option<Duration>,
    routes: Routes,
}

#[derive(Default)]
struct Tasks {
    keep_alive: OnceLock<AbortHandle>,
}

impl Drop for Tasks {
    fn drop(&mut self) {
        if let Some(task) = self.keep_alive.get() {
            task.abort();
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("router", &self.shared.router.identity)
            .field("client", &self.shared.client)
            .finish_non_exhaustive()
    }
}

/// What the router answers for an object that is not in its table, instead of the operation
/// that was called.
const NOT_IN_TABLE: &str = "ice_add_proxy";

impl Session {
    /// Connects to a router and logs in, within the times of `options` and `login`. The
    /// connection's work is done by a task; servants of `options` are replaced by those of
    /// [`Session::add_callback`].
    ///
    /// # Errors
    /// As [`connect`], and `PermissionDenied` or `CannotCreateSession` when the router lets the
    /// user not in. After `Timeout` and `Lost` it may be tried again: a session that was made
    /// ends with its connection.
    pub async fn connect(address: &Address, options: Options, login: Login) -> Result<Self> {
        let callbacks = Arc::new(Adapter::new(omero::schema()));
        let options = options.with_servants(callbacks.clone());
        let (client, connection) = connect(address, options).await?;
        tokio::spawn(connection.run());
        Self::log_in(client, callbacks, login).await.map_err(repeatable)
    }

    /// Logs in on a connection that there is, within the time of `login`; `callbacks` must be
    /// its servants if objects of this client are to be called.
    ///
    /// # Errors
    /// `PermissionDenied` or `CannotCreateSession` when the router lets the user not in, else
    /// as [`Client::invoke`].
    pub async fn log_in(client: Client, callbacks: Arc<Adapter>, login: Login) -> Result<Self> {
        let Some(after) = login.timeout else {
            return Self::begin(client, callbacks, login).await;
        };
        let what = format!("the session of {}", login.router);
        let begun = time::timeout(after, Self::begin(client, callbacks, login)).await;
        begun.unwrap_or(Err(Error::Timeout { what, after, may_repeat: false }))
    }

    async fn begin(client: Client, callbacks: Arc<Adapter>, login: Login) -> Result<Self> {
        let mut context = login.context.clone();
        if !context.iter().any(|(found, _)| found == key::CLIENT_UUID) {
            set(&mut context, key::CLIENT_UUID, &uuid::Uuid::now_v7().to_string());
        }
        let mut login_context = context.clone();
        for (key, value) in &login.login_context {
            set(&mut login_context, key, value);
        }
        let object = login::create(&client, &login, &login_context).await?;
        let router = Proxy::new(login.router.clone());
        let category = Router::get_category_for_client();
        let category = client.invoke(&router, category, context.clone()).await?;
        let category = category.get()?.to_owned();
        let seconds = |n: i64| u64::try_from(n).ok().filter(|n| *n > 0).map(Duration::from_secs);
        let session_timeout =
            client.invoke(&router, Router::get_session_timeout(), context.clone()).await?.get()?;
        let acm_timeout = client.invoke(&router, Router::get_acm_timeout(), context.clone()).await;
        // Routers before Ice 3.6 do not have it.
        let acm_timeout = acm_timeout.and_then(|answer| answer.get()).map_or(0, i64::from);
        let server = omero::ice::Router::get_server_proxy();
        let server = client.invoke(&router, server, context.clone()).await?;
        let server = server.get()?;
        if let Some(object) = &object {
            set(&mut context, key::SESSION_UUID, &object.identity.name);
        }
        let session = Self {
            shared: Arc::new(Shared {
                router,
                object,
                callbacks,
                category,
                callback_endpoints: server.map(|proxy| proxy.endpoints.clone()).unwrap_or_default(),
                session_timeout: seconds(session_timeout),
                acm_timeout: seconds(acm_timeout),
                routes: Routes::default(),
                client,
            }),
            context: context.into(),
            tasks: Arc::default(),
        };
        if let Some(most) = login.keep_alive {
            // Without the tasks of the session: as long as it waits for an answer nobody else
            // would know that the session is not wanted any more.
            let own = Self { tasks: Arc::default(), ..session.clone() };
            let task = tokio::spawn(keep_alive::run(own, session.interval(most)));
            // It is set once, here.
            session.tasks.keep_alive.get_or_init(|| task.abort_handle());
        }
        Ok(session)
    }

    /// How often the router must hear of the client: twice in the shortest of its times.
    fn interval(&self, most: Duration) -> Duration {
        let times = [self.shared.session_timeout, self.shared.acm_timeout];
        let shortest = times.into_iter().flatten().min().map_or(most, |time| time / 2);
        shortest.min(most).max(Duration::from_millis(100))
    }

    /// The session's own object: a [`ServiceFactory`](crate::omero::api::ServiceFactory) of
    /// OMERO; none at a router without sessions of its own.
    pub fn object(&self) -> Option<&Proxy> {
        self.shared.object.as_ref()
    }

    /// The key by which others join this session.
    pub fn key(&self) -> Option<&str> {
        self.shared.object.as_ref().map(|object| object.identity.name.as_str())
    }

    /// The connection.
    pub fn client(&self) -> &Client {
        &self.shared.client
    }

    /// The category that objects of this client have.
    pub fn category(&self) -> &str {
        &self.shared.category
    }

    /// After how long without a sign of the client the router ends the session, if it does.
    pub fn session_timeout(&self) -> Option<Duration> {
        self.shared.session_timeout
    }

    /// After how long without a message the router closes the connection, if it does.
    pub fn acm_timeout(&self) -> Option<Duration> {
        self.shared.acm_timeout
    }

    /// What goes along with all calls.
    pub fn context(&self) -> &[(String, String)] {
        &self.context
    }

    /// The same session, with a key of the context of all calls of this clone set.
    #[must_use]
    pub fn with_context(&self, key: &str, value: &str) -> Self {
        let mut context = self.context.to_vec();
        set(&mut context, key, value);
        Self { context: context.into(), ..self.clone() }
    }

    /// The same session, with calls of this clone made in a group; `-1` is all groups of the
    /// user.
    #[must_use]
    pub fn in_group(&self, id: i64) -> Self {
        self.with_context(key::GROUP, &id.to_string())
    }

    /// Makes a typed call of an object and waits for its results.
    ///
    /// # Errors
    /// As [`Client::invoke`]; `SessionExpired` or `SessionNotExist` when the session is gone;
    /// `NotMade` when the router's table is too small for the calls that are made at a time.
    pub async fn invoke<R: Outcome>(
        &self,
        proxy: &Proxy,
        invocation: Invocation<R>,
    ) -> Result<Answer<R>> {
        self.invoke_within(proxy, invocation, self.shared.client.call_timeout()).await
    }

    /// As [`Session::invoke`], with a time of its own for all that it takes; without one it
    /// waits as long as the connection lives.
    ///
    /// # Errors
    /// As there.
    pub async fn invoke_within<R: Outcome>(
        &self,
        proxy: &Proxy,
        invocation: Invocation<R>,
        timeout: Option<Duration>,
    ) -> Result<Answer<R>> {
        let call = prepare(proxy, &invocation, self.context.to_vec())?;
        let body = self.call_within(proxy, call, timeout).await?;
        finish(&invocation, body, self.shared.client.limits()).map_err(login::as_typed)
    }

    /// Makes a call of the session's own object.
    ///
    /// # Errors
    /// As [`Session::invoke`]; `SessionNotExist` when the session has no object.
    pub async fn invoke_own<R: Outcome>(&self, invocation: Invocation<R>) -> Result<Answer<R>> {
        let object = self.shared.object.as_ref().ok_or(Error::SessionNotExist)?;
        self.invoke(object, invocation).await
    }

    /// As [`Session::invoke_own`], with a time of its own, as [`Session::invoke_within`].
    ///
    /// # Errors
    /// As there.
    pub async fn invoke_own_within<R: Outcome>(
        &self,
        invocation: Invocation<R>,
        timeout: Option<Duration>,
    ) -> Result<Answer<R>> {
        let object = self.shared.object.as_ref().ok_or(Error::SessionNotExist)?;
        self.invoke_within(object, invocation, timeout).await
    }

    /// Makes a call of an object, which the router is told of before if it does not know it.
    ///
    /// # Errors
    /// As [`Client::call`]; `NotMade` as in [`Session::invoke`].
    pub async fn call(&self, proxy: &Proxy, call: Call) -> Result<ReplyBody> {
        self.call_within(proxy, call, self.shared.client.call_timeout()).await
    }

    /// As [`Session::call`], with a time of its own for all that it takes; without one it waits
    /// as long as the connection lives.
    ///
    /// # Errors
    /// As there.
    pub async fn call_within(
        &self,
        proxy: &Proxy,
        call: Call,
        timeout: Option<Duration>,
    ) -> Result<ReplyBody> {
        let until = timeout.map(|after| (deadline(after), after));
        let left = || until.map(|(until, _)| until.saturating_duration_since(time::Instant::now()));
        let what = format!("the answer of `{}`", call.operation);
        // Of the whole time, of which a part may have gone before.
        let whole = |error| match (error, until) {
            (Error::Timeout { may_repeat, .. }, Some((_, after))) => {
                Error::Timeout { what: what.clone(), after, may_repeat }
            }
            (error, _) => error,
        };
        // Each time the router may forget the object between two messages of ours, for one of
        // another task's. It says so, and has not made the call then, so that it is made again
        // whatever its operation is.
        for n_tries in 0..TRIES {
            let begun = Instant::now();
            // What the router was told of an object does nothing, so that it may be told again.
            self.tell_of(&[proxy], left()).await.map_err(repeatable).map_err(whole)?;
            let client = &self.shared.client;
            match client.call_within(call.clone(), left()).await.map_err(whole)? {
                ReplyBody::ObjectNotExist { operation, identity, .. }
                    if operation == NOT_IN_TABLE && call.operation != NOT_IN_TABLE =>
                {
                    self.shared.routes.forget(&identity);
                }
                other => return Ok(other),
            }
            let pause = pause(n_tries, begun.elapsed());
            if left().is_some_and(|left| left <= pause) {
                let after = until.map(|(_, after)| after).unwrap_or_default();
                return Err(Error::Timeout { what, after, may_repeat: true });
            }
            if !pause.is_zero() {
                time::sleep(pause).await;
            }
        }
        Err(Error::NotMade(format!(
            "the router forgets {} as soon as it is told of it; its table is too small for the \
             calls that are made at a time",
            call.identity
        )))
    }

    /// Tells the router of objects that are going to be called, all in one message. Calls do it
    /// by themselves; this saves a message each.
    ///
    /// # Errors
    /// As [`Client::invoke`].
    pub async fn add_proxies(&self, proxies: &[&Proxy]) -> Result<()> {
        self.tell_of(proxies, self.shared.client.call_timeout()).await
    }

    async fn tell_of(&self, proxies: &[&Proxy], timeout: Option<Duration>) -> Result<()> {
        let routes = &self.shared.routes;
        let router = &self.shared.router.identity;
        let mut new: Vec<&Proxy> = proxies.to_vec();
        new.retain(|proxy| proxy.identity != *router && !routes.has(&proxy.identity));
        if new.is_empty() {
            return Ok(());
        }
        // As they were received: the router finds the server by their endpoints or adapter.
        let call = omero::ice::Router::add_proxies(
            new.iter().map(|proxy| Some((*proxy).clone())).collect(),
        );
        let answer = self.ask(call, timeout).await?;
        let evicted = answer.get()?.iter().collect::<Result<Vec<_>>>()?;
        routes.change(
            new.iter().map(|proxy| &proxy.identity),
            evicted.iter().flatten().map(|proxy| &proxy.identity),
        );
        Ok(())
    }

    async fn ask<R: Outcome>(
        &self,
        invocation: Invocation<R>,
        timeout: Option<Duration>,
    ) -> Result<Answer<R>> {
        let Shared { client, router, .. } = &*self.shared;
        let context = self.context.to_vec();
        let answer = client.invoke_within(router, invocation, context, timeout).await;
        answer.map_err(login::as_typed)
    }

    /// Has an object of this client called by servers, and answers its proxy, which is given to
    /// them. Calls come on this session's connection.
    ///
    /// The session has the servant until [`Session::remove_callback`]. A servant that itself has
    /// the session, or a clone of it, keeps it so that it does not end when all others are
    /// dropped: then remove the servant, end the session with [`Session::destroy`], or let the
    /// servant have it behind something that can be emptied.
    ///
    /// # Errors
    /// As [`Adapter::add`], for an interface that is not OMERO's.
    pub fn add_callback<I: Interface>(
        &self,
        name: &str,
        servant: Arc<dyn Servant>,
    ) -> Result<Proxy> {
        let identity = Identity::new(name, self.shared.category.clone());
        self.shared.callbacks.add(identity.clone(), I::TYPE_ID, servant)?;
        let endpoints = self.shared.callback_endpoints.clone();
        Ok(Proxy { endpoints, ..Proxy::new(identity) })
    }

    /// No longer has an object of this client called.
    pub fn remove_callback(&self, proxy: &Proxy) -> bool {
        self.shared.callbacks.remove(&proxy.identity)
    }

    /// Tells the router that the client is there. That keeps the router's session, not OMERO's
    /// behind it, which only calls keep.
    ///
    /// # Errors
    /// `SessionNotExist` when it has none, else as [`Client::invoke`].
    pub async fn refresh(&self) -> Result<()> {
        let timeout = self.shared.client.call_timeout();
        self.ask(Router::refresh_session(), timeout).await.map(|_| ())
    }

    /// Ends the session and closes the connection. A router closes it in place of an answer,
    /// which is no failure.
    ///
    /// # Errors
    /// `SessionNotExist` when there is none any more, else as [`Client::invoke`].
    pub async fn destroy(self) -> Result<()> {
        let timeout = self.shared.client.call_timeout();
        let ended = self.ask(Router::destroy_session(), timeout).await;
        self.shared.client.close().await;
        match ended {
            Ok(_) | Err(Error::Lost { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// How often a call is made of an object that the router forgets.
const TRIES: u32 = 20;
/// The longest time between two of them.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How long to wait after a try that took as long, so that others have their turn: by chance, up
/// to ever more times as long, since two that wait alike are in each other's way again.
fn pause(n_tries: u32, took: Duration) -> Duration {
    // Mostly the others are done.
    let Some(n) = n_tries.checked_sub(1) else { return Duration::ZERO };
    let most = took.max(Duration::from_millis(1)).saturating_mul(1 << n.min(16));
    let chance = RandomState::new().hash_one(n_tries) as f64 / u64::MAX as f64;
    most.min(LONGEST_PAUSE).mul_f64(chance)
}

/// An error before a call was made: it may be made again.
fn repeatable(error: Error) -> Error {
    match error {
        Error::Lost { reason, .. } => Error::Lost { reason, may_repeat: true },
        Error::Timeout { what, after, .. } => Error::Timeout { what, after, may_repeat: true },
        error => error,
    }
}
