//! A host whose objects give back what they are given.

#![expect(clippy::unwrap_used, reason = "a failed test may panic")]

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;
use ice::{
    codec::{Format, encode},
    connection::{Reply, Servant},
    glacier2::{
        Credentials, key,
        router::{End, Host, HostedSession, LoginRequest, Made, Peer, Refusal},
    },
    omero::{
        ServerError, ValidationException, WrappedCreateSessionException,
        api::{ClientCallback, IConfig, IContainer, IQuery, IUpdate, RawFileStore, ServiceFactory},
        glacier2::CannotCreateSessionException,
        schema,
        sys::Parameters,
    },
    typed::Incoming,
    value::{Exception, Graph, Value},
    wire::{Call, Encapsulation, Identity, Proxy, ReplyBody},
};

/// Lets `root` in with `secret`, and everybody who has the key of a session.
#[derive(Default)]
pub(crate) struct EchoHost {
    /// How many connections have each session.
    keys: Mutex<HashMap<String, usize>>,
    n_made: AtomicUsize,
    pub(crate) ended: Mutex<Vec<End>>,
    /// The client of the last session.
    pub(crate) peer: Mutex<Option<Peer>>,
    /// Logins that are refused since others are in the way.
    pub(crate) n_busy: AtomicUsize,
    /// Calls that were begun and last as long as they say.
    pub(crate) n_slow: AtomicUsize,
}

impl EchoHost {
    fn wrapped(reason: &str, is_busy: bool) -> Refusal {
        type Wrapped = WrappedCreateSessionException;
        let exception = Exception::make::<Wrapped>(true)
            .with::<Wrapped, CannotCreateSessionException, _>(
                CannotCreateSessionException::REASON,
                reason,
            )
            .with::<Wrapped, Wrapped, _>(Wrapped::CONCURRENCY, is_busy)
            .with::<Wrapped, Wrapped, _>(Wrapped::BACK_OFF, 5);
        Refusal::from_exception(exception).unwrap()
    }

    fn let_in(self: &Arc<Self>, login: &LoginRequest) -> Result<Made, Refusal> {
        let Credentials::Password { user, password } = &login.credentials else {
            return Err(Refusal::denied("there are no certificates here"));
        };
        let client = login.context_value(key::CLIENT_UUID);
        let client = client.ok_or_else(|| Refusal::no_session("No omero.client.uuid"))?;
        let busy =
            self.n_busy.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
        if busy.is_ok() {
            return Err(Self::wrapped("too many at a time", true));
        }
        let mut keys = self.keys.lock().unwrap();
        let is_joined = user == password && keys.contains_key(user);
        if !is_joined && (user, password) != (&"root".to_owned(), &"secret".to_owned()) {
            return Err(Refusal::denied(&format!("Password check failed for '{user}': []")));
        }
        if let Some(group) = login.context_value(key::GROUP).filter(|group| *group != "lab") {
            return Err(Self::wrapped(&format!("No such group: {group}"), false));
        }
        let n = self.n_made.fetch_add(1, Ordering::SeqCst);
        let key = if is_joined { user.clone() } else { format!("00000000-0000-4000-8000-{n:012}") };
        *keys.entry(key.clone()).or_default() += 1;
        let identity = Identity::new(key.clone(), format!("session-{client}"));
        let object = indirect(identity.clone());
        let host = self.clone();
        *self.peer.lock().unwrap() = Some(login.peer.clone());
        let session = EchoSession {
            host,
            key,
            factory: identity,
            peer: login.peer.clone(),
            callback: Mutex::default(),
            kept: Mutex::default(),
        };
        Ok(Made { object: Some(object), session: Arc::new(session) })
    }
}

/// For a router, so that sessions have it too.
pub(crate) struct Echo(pub(crate) Arc<EchoHost>);

impl Host for Echo {
    fn create(&self, login: LoginRequest) -> BoxFuture<'_, Result<Made, Refusal>> {
        Box::pin(async move { self.0.let_in(&login) })
    }
}

/// As OMERO's are: without endpoints.
fn indirect(identity: Identity) -> Proxy {
    Proxy { adapter_id: "BlitzAdapter".to_owned(), ..Proxy::new(identity) }
}

pub(crate) struct EchoSession {
    host: Arc<EchoHost>,
    key: String,
    factory: Identity,
    peer: Peer,
    callback: Mutex<Option<Proxy>>,
    /// What objects were given, by their names and the types.
    kept: Mutex<HashMap<(String, ice::schema::Type), (Value, Graph)>>,
}

impl HostedSession for EchoSession {
    fn ended(&self, why: End) -> BoxFuture<'_, ()> {
        self.host.ended.lock().unwrap().push(why);
        let mut keys = self.host.keys.lock().unwrap();
        if let Some(n) = keys.get_mut(&self.key) {
            *n -= 1;
        }
        keys.retain(|_, n| *n > 0);
        Box::pin(std::future::ready(()))
    }
}

/// Names of the services that a factory's operations answer.
const SERVICES: &[(&str, &str)] = &[
    ("getUpdateService", "IUpdate"),
    ("getQueryService", "IQuery"),
    ("getContainerService", "IContainer"),
    ("getConfigService", "IConfig"),
    ("getSessionService", "ISession"),
    ("getAdminService", "IAdmin"),
    ("createRawPixelsStore", "RawPixelsStore"),
    ("createRawFileStore", "RawFileStore"),
    ("sharedResources", "SharedResources"),
];

impl EchoSession {
    fn interface(&self, identity: &Identity) -> Option<String> {
        if *identity == self.factory {
            return Some("::omero::api::ServiceFactory".to_owned());
        }
        let (_, service) = identity.name.split_once("omero.")?;
        (identity.category == self.key).then(|| format!("::omero::{}", service.replace('.', "::")))
    }

    fn service(&self, name: &str, is_stateful: bool) -> Proxy {
        let n = self.host.n_made.fetch_add(usize::from(is_stateful), Ordering::SeqCst);
        let client = self.factory.category.trim_start_matches("session-");
        let number = if is_stateful { format!("{n}") } else { client.to_owned() };
        indirect(Identity::new(format!("{number}omero.{name}"), self.key.clone()))
    }

    async fn answer(&self, call: Call) -> ReplyBody {
        let Some(interface) = self.interface(&call.identity) else {
            return call.object_not_exist();
        };
        if call.operation.starts_with("ice_") {
            return built_in(&interface, &call);
        }
        let call = match Incoming::open_as(schema(), &interface, call) {
            Ok(call) => call,
            Err(refused) => return refused,
        };
        let n_called = match call.is(ServiceFactory::KEEP_ALL_ALIVE) {
            true => self.call_back().await,
            false => 0,
        };
        // Calls that last as long as they say, in milliseconds: one that may be repeated, and one
        // that may not.
        let ms = if call.is(RawFileStore::TRUNCATE) {
            call.arguments(RawFileStore::TRUNCATE).unwrap().0
        } else if call.is(RawFileStore::SET_FILE_ID) {
            let (id,) = call.arguments(RawFileStore::SET_FILE_ID).unwrap();
            if id < 10_000 { 0 } else { id }
        } else {
            0
        };
        if ms > 0 {
            self.host.n_slow.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(ms as u64)).await;
        }
        call.answer(|call| self.echo(call, n_called))
    }

    /// Calls the client's object twice at a time.
    async fn call_back(&self) -> i64 {
        let Some(proxy) = self.callback.lock().unwrap().clone() else { return -1 };
        let within = Some(Duration::from_secs(20));
        let one = || {
            let call = ClientCallback::request_heartbeat();
            self.peer.invoke_within(&proxy, call, vec![], within)
        };
        let (first, second) = tokio::join!(one(), one());
        i64::from(first.is_ok()) + i64::from(second.is_ok())
    }

    fn echo(&self, call: &Incoming, n_called: i64) -> ice::Result<ReplyBody> {
        let graph = call.graph();
        let name = call.call().operation.as_str();
        if let Some((_, service)) = SERVICES.iter().find(|(operation, _)| *operation == name) {
            let scope = if *service == "SharedResources" { "grid" } else { "api" };
            let is_stateful = !name.starts_with("get");
            let proxy = self.service(&format!("{scope}.{service}"), is_stateful);
            return call.reply(ServiceFactory::GET_UPDATE_SERVICE, Some(proxy), graph);
        }
        let long = match call.decoded().values.first() {
            Some(Value::String(text)) => text.strip_prefix("long:").and_then(|n| n.parse().ok()),
            _ => None,
        };
        match name {
            "keepAllAlive" => return call.reply(ServiceFactory::KEEP_ALL_ALIVE, n_called, graph),
            "setCallback" => {
                let (proxy,) = call.arguments(ServiceFactory::SET_CALLBACK)?;
                *self.callback.lock().unwrap() = proxy.cloned();
            }
            "newTable" => {
                let proxy = self.service("grid.Table", true);
                return call.reply(ServiceFactory::GET_UPDATE_SERVICE, Some(proxy), graph);
            }
            "deleteObject" => {
                let exception = Exception::make::<ValidationException>(false)
                    .with::<ServerError, _, _>(ServerError::MESSAGE, "not deleted");
                return call.raise(exception, &Graph::new());
            }
            "projection" => {
                // The values of the parameters, in one row.
                let (_, parameters) = call.arguments(IQuery::PROJECTION)?;
                let map = parameters.map(|at| graph.view(at)?.get(Parameters::MAP)).transpose()?;
                let row = map.iter().flat_map(|map| map.iter());
                let row = row.map(|pair| Ok(pair?.1)).collect::<ice::Result<Vec<_>>>()?;
                return call.reply(IQuery::PROJECTION, vec![row], graph);
            }
            "getCollectionCount" => {
                let (_, _, ids, _) = call.arguments(IContainer::GET_COLLECTION_COUNT)?;
                let counts = ids.iter().map(|id| (*id, id * 2)).collect();
                return call.reply(IContainer::GET_COLLECTION_COUNT, counts, graph);
            }
            "saveAndReturnIds" => {
                let (objects,) = call.arguments(IUpdate::SAVE_AND_RETURN_IDS)?;
                let ids = (0..objects.len() as i64).collect();
                return call.reply(IUpdate::SAVE_AND_RETURN_IDS, ids, graph);
            }
            "getConfigValue" if long.is_some() => {
                let text = "x".repeat(long.unwrap_or_default());
                return call.reply(IConfig::GET_CONFIG_VALUE, &text, graph);
            }
            "getConfigValue" if call.context("omero.group").is_some() => {
                let group = call.context("omero.group").unwrap_or_default();
                return call.reply(IConfig::GET_CONFIG_VALUE, group, graph);
            }
            _ => {}
        }
        self.give_back(call)
    }

    /// A result that was given as an argument, now or before to the same object; else nothing.
    fn give_back(&self, call: &Incoming) -> ice::Result<ReplyBody> {
        let schema = schema();
        let interface = self.interface(&call.call().identity).unwrap_or_default();
        let declared = schema.operation(&interface, &call.call().operation);
        let declared = declared.ok_or_else(|| ice::Error::Refused("not declared".to_owned()))?;
        let types: Vec<_> = declared.parameters.iter().map(|member| member.of).collect();
        let given = types.iter().zip(&call.decoded().values);
        let object = call.call().identity.name.clone();
        let mut kept = self.kept.lock().unwrap();
        for (of, value) in given.clone() {
            kept.insert((object.clone(), *of), (value.clone(), call.graph().clone()));
        }
        let encoding = call.call().parameters.encoding()?;
        let Some(returns) = declared.returns else {
            return Ok(ReplyBody::Ok(Encapsulation::empty(encoding)));
        };
        let zero = (schema.zero(returns), Graph::new());
        let (value, graph) = kept.get(&(object, returns)).unwrap_or(&zero);
        let values = std::slice::from_ref(value);
        let content = encode(schema, &[returns], values, graph, encoding, Format::Compact)?;
        Ok(ReplyBody::Ok(content))
    }
}

fn built_in(interface: &str, call: &Call) -> ReplyBody {
    struct Nobody;
    impl Servant for Nobody {
        fn dispatch(&self, call: Call) -> Reply<'_> {
            Box::pin(std::future::ready(call.operation_not_exist()))
        }
    }
    let adapter = ice::connection::Adapter::new(schema());
    adapter.add(call.identity.clone(), interface, Arc::new(Nobody)).unwrap();
    futures_util::FutureExt::now_or_never(adapter.dispatch(call.clone())).unwrap()
}

impl Servant for EchoSession {
    fn dispatch(&self, call: Call) -> Reply<'_> {
        Box::pin(self.answer(call))
    }
}
