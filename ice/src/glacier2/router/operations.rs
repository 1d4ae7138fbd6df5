//! The router's own operations.

use super::{End, LoginRequest, Made, Refusal, link::Link};
use crate::{
    Result,
    connection::built_in,
    glacier2::Credentials,
    omero::{
        glacier2::{self, SessionNotExistException},
        ice::Router as Base,
        schema,
    },
    typed::{Incoming, Interface},
    value::{Exception, Graph},
    wire::{Call, Endpoint, Identity, Proxy, ReplyBody, Transport},
};

/// Longest names of objects that a table takes, together with what is said of where they are.
const LONGEST_PROXY: usize = 8 << 10;

/// Answers a call of the router.
pub(super) async fn answer(link: &Link, call: Call) -> ReplyBody {
    if !call.facet.is_empty() {
        let Call { identity, facet, operation, .. } = call;
        return ReplyBody::FacetNotExist { identity, facet, operation };
    }
    if let Some(body) = built_in(&link.router.ids, &call) {
        return body;
    }
    // Arguments of who has no session are not looked at, but for those of a login.
    if call.operation == Base::ADD_PROXIES.name() && !link.is_open() {
        return match link.ended() {
            // What becomes of the session is told when the object is called.
            Some(End::Idle) => nothing_evicted(&call).unwrap_or_else(|_| call.object_not_exist()),
            _ => call.object_not_exist(),
        };
    }
    let interface = glacier2::Router::TYPE_ID;
    let call = match Incoming::open_as(schema(), interface, call) {
        Ok(call) => call,
        Err(refused) => return refused,
    };
    let work = async {
        match credentials(&call)? {
            Some(credentials) => create(link, &call, credentials).await,
            None => simple(link, &call),
        }
    };
    let done = work.await;
    call.answer(|_| done)
}

fn nothing_evicted(call: &Call) -> Result<ReplyBody> {
    let encoding = call.parameters.encoding()?;
    Base::ADD_PROXIES.reply(Vec::new(), &Graph::new(), encoding).map(ReplyBody::Ok)
}

/// What a call that makes a session has for it; none for other calls.
fn credentials(call: &Incoming) -> Result<Option<Credentials>> {
    use glacier2::Router;
    if call.is(Router::CREATE_SESSION) {
        let (user, password) = call.arguments(Router::CREATE_SESSION)?;
        return Ok(Some(Credentials::password(user, password)));
    }
    let by_connection = call.is(Router::CREATE_SESSION_FROM_SECURE_CONNECTION);
    Ok(by_connection.then_some(Credentials::Connection))
}

async fn create(link: &Link, call: &Incoming, credentials: Credentials) -> Result<ReplyBody> {
    let made = make(link, call, credentials).await;
    let graph = Graph::new();
    match made {
        Err(refusal) => call.raise(refusal.into_exception(), &graph),
        // Both operations answer alike.
        Ok(object) => call.reply(glacier2::Router::CREATE_SESSION, object, &graph),
    }
}

/// Gives a connection back its state when it is given up in a login.
struct LoggingIn<'l>(Option<&'l Link>);

impl Drop for LoggingIn<'_> {
    fn drop(&mut self) {
        if let Some(link) = self.0 {
            link.fail_login();
        }
    }
}

async fn make(
    link: &Link,
    call: &Incoming,
    credentials: Credentials,
) -> std::result::Result<Option<Proxy>, Refusal> {
    if !link.begin_login() {
        return Err(Refusal::no_session("session exists"));
    }
    let mut logging_in = LoggingIn(Some(link));
    let full = || Refusal::no_session("there are too many sessions; try again later");
    let counted = link.router.sessions.one_more().ok_or_else(full)?;
    let gone = || Refusal::no_session("the connection is being closed");
    let client = link.client.get().ok_or_else(gone)?;
    let login = LoginRequest {
        credentials,
        context: call.call().context.clone(),
        address: link.address,
        is_secure: link.is_secure,
        peer: link.peer().ok_or_else(gone)?,
    };
    let made = tokio::select! {
        // What is made already is not lost.
        biased;
        made = link.router.host.create(login) => made,
        // Whom nobody waits for takes no place from others.
        () = client.ended() => Err(gone()),
    };
    let Made { object, session } = made?;
    logging_in.0 = None;
    if !link.open(session.clone(), counted) {
        session.ended(End::Disconnected).await;
        return Err(gone());
    }
    // The session's own object is not in the table: clients tell of it too.
    Ok(object)
}

fn simple(link: &Link, call: &Incoming) -> Result<ReplyBody> {
    use glacier2::Router;
    let options = &link.router.options;
    let graph = Graph::new();
    let no_session = || call.raise(Exception::make::<SessionNotExistException>(false), &graph);
    if call.is(Router::GET_CATEGORY_FOR_CLIENT) {
        return call.reply(Router::GET_CATEGORY_FOR_CLIENT, &link.category, &graph);
    }
    if call.is(Router::GET_SESSION_TIMEOUT) {
        let seconds = i64::try_from(whole_seconds(options.session_timeout)).unwrap_or(i64::MAX);
        return call.reply(Router::GET_SESSION_TIMEOUT, seconds, &graph);
    }
    if call.is(Router::GET_ACM_TIMEOUT) {
        let seconds = i32::try_from(whole_seconds(options.session_timeout)).unwrap_or(i32::MAX);
        return call.reply(Router::GET_ACM_TIMEOUT, seconds, &graph);
    }
    if call.is(Router::REFRESH_SESSION) {
        // That a message came is known already.
        return match link.is_open() {
            true => call.reply(Router::REFRESH_SESSION, (), &graph),
            false => no_session(),
        };
    }
    if call.is(Router::DESTROY_SESSION) {
        return match link.end_and_close(End::Destroyed) {
            true => call.reply(Router::DESTROY_SESSION, (), &graph),
            false => no_session(),
        };
    }
    if call.is(Base::GET_CLIENT_PROXY) {
        return call.reply(Base::GET_CLIENT_PROXY, None, &graph);
    }
    if call.is(Base::GET_SERVER_PROXY) {
        return call.reply(Base::GET_SERVER_PROXY, Some(server_proxy(link)), &graph);
    }
    if call.is(Base::ADD_PROXIES) {
        let (proxies,) = call.arguments(Base::ADD_PROXIES)?;
        let proxies = proxies.iter().collect::<Result<Vec<_>>>()?;
        let proxies: Vec<Proxy> = proxies.into_iter().flatten().cloned().collect();
        if let Some(long) = proxies.iter().find(|proxy| n_bytes(proxy) > LONGEST_PROXY) {
            return Err(crate::Error::limit("bytes of a proxy", n_bytes(long), LONGEST_PROXY));
        }
        return match link.with_table(|table| table.add(proxies)) {
            Some(evicted) => {
                let evicted = evicted.into_iter().map(Some).collect();
                call.reply(Base::ADD_PROXIES, evicted, &graph)
            }
            None => Ok(ReplyBody::ObjectNotExist {
                identity: call.call().identity.clone(),
                facet: String::new(),
                operation: call.call().operation.clone(),
            }),
        };
    }
    Ok(call.no_operation())
}

/// A time as routers tell it: a part of a second is a second, since 0 is none.
fn whole_seconds(time: std::time::Duration) -> u64 {
    time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0))
}

fn n_bytes(proxy: &Proxy) -> usize {
    let Identity { name, category } = &proxy.identity;
    let texts = name.len() + category.len() + proxy.facet.len() + proxy.adapter_id.len();
    proxy.endpoints.iter().fold(texts, |sum, endpoint| {
        sum + match endpoint {
            Endpoint::Stream { host, transport, .. } => {
                host.len() + transport.resource().map_or(0, str::len) + 16
            }
            Endpoint::Udp { host, .. } => host.len() + 16,
            Endpoint::Opaque { data, .. } => data.len() + 16,
        }
    })
}

/// What clients make the proxies of their objects from. Nothing listens there: objects of a
/// client are called on its own connection. It has an endpoint since the official client asks
/// for one.
fn server_proxy(link: &Link) -> Proxy {
    let endpoint = Endpoint::Stream {
        transport: Transport::Tcp,
        host: "127.0.0.1".to_owned(),
        port: 1,
        timeout: 60_000,
        compress: false,
    };
    let identity = Identity::new("dummy", link.category.to_string());
    Proxy { endpoints: vec![endpoint], ..Proxy::new(identity) }
}
