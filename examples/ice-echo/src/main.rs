//! A server that OMERO's clients can log in to, whose `IConfig` gives back what it is asked
//! for, and a client of it.
//!
//! ```text
//! cargo run -p ice-echo                          both, in one process
//! cargo run -p ice-echo -- serve 127.0.0.1:4063  the server alone
//! cargo run -p ice-echo -- ask tcp://localhost:4063 root secret some text
//! ```
//!
//! With the official client: `omero.client("tcp://localhost", 4063).createSession("root", "secret")`.

#![expect(clippy::print_stdout, reason = "it is a program")]

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use futures_util::future::BoxFuture;
use ice::{
    connection::{Acceptor, Adapter, Address, Options, Reply, Servant},
    glacier2::{
        Credentials, Login, Session, key,
        router::{Host, LoginRequest, Made, Refusal, Router, RouterOptions},
    },
    omero::{
        api::{IConfig, ServiceFactory},
        schema,
    },
    typed::{Incoming, Interface},
    value::Graph,
    wire::{Call, Identity, Proxy, ReplyBody},
};
use tokio::net::TcpListener;

/// Lets one user in.
struct OneUser;

impl Host for OneUser {
    fn create(&self, login: LoginRequest) -> BoxFuture<'_, Result<Made, Refusal>> {
        Box::pin(std::future::ready(session(&login)))
    }
}

/// A session: an adapter with its own object and, for this example, one service.
fn session(login: &LoginRequest) -> Result<Made, Refusal> {
    if login.credentials != Credentials::password("root", "secret") {
        return Err(Refusal::denied("the user is root, the password secret"));
    }
    let client = login.context_value(key::CLIENT_UUID);
    let client = client.ok_or_else(|| Refusal::no_session("the client has no number"))?;
    // Who knows the name of a session may join it: that of a real server is random.
    let own = Identity::new(format!("session of {client}"), format!("session-{client}"));
    let config = Identity::new("omero.api.IConfig", own.name.clone());
    let objects = Adapter::new(schema());
    let factory = Factory { config: Proxy::new(config.clone()) };
    objects.add(own.clone(), ServiceFactory::TYPE_ID, Arc::new(factory))?;
    objects.add(config, IConfig::TYPE_ID, Arc::new(Config))?;
    Ok(Made { object: Some(Proxy::new(own)), session: Arc::new(objects) })
}

/// The session's own object, which knows the services.
struct Factory {
    config: Proxy,
}

impl Factory {
    fn answer(&self, call: Call) -> ReplyBody {
        let call = match Incoming::open::<ServiceFactory>(schema(), call) {
            Ok(call) => call,
            Err(refused) => return refused,
        };
        call.answer(|call| {
            if call.is(ServiceFactory::GET_CONFIG_SERVICE) {
                let config = Some(self.config.clone());
                return call.reply(ServiceFactory::GET_CONFIG_SERVICE, config, &Graph::new());
            }
            // The official client does this after it was let in.
            if call.is(ServiceFactory::SET_CALLBACK) {
                return call.reply(ServiceFactory::SET_CALLBACK, (), &Graph::new());
            }
            Ok(call.no_operation())
        })
    }
}

impl Servant for Factory {
    fn dispatch(&self, call: Call) -> Reply<'_> {
        Box::pin(std::future::ready(self.answer(call)))
    }
}

/// Gives back what it is asked for.
struct Config;

impl Servant for Config {
    fn dispatch(&self, call: Call) -> Reply<'_> {
        let body = match Incoming::open::<IConfig>(schema(), call) {
            Err(refused) => refused,
            Ok(call) => call.answer(|call| {
                if !call.is(IConfig::GET_CONFIG_VALUE) {
                    return Ok(call.no_operation());
                }
                let (key,) = call.arguments(IConfig::GET_CONFIG_VALUE)?;
                call.reply(IConfig::GET_CONFIG_VALUE, key, &Graph::new())
            }),
        };
        Box::pin(std::future::ready(body))
    }
}

/// Logs in, asks, and logs out.
async fn ask(server: &Address, login: Login, text: &str) -> ice::Result<String> {
    let session = Session::connect(server, Options::default(), login).await?;
    let config = session.invoke_own(ServiceFactory::get_config_service()).await?;
    let config = config.get()?.cloned().ok_or(ice::Error::SessionNotExist)?;
    let answer = session.invoke(&config, IConfig::get_config_value(text)).await?;
    let answer = answer.get()?.to_owned();
    session.destroy().await?;
    Ok(answer)
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let router = Router::new(RouterOptions::default(), Arc::new(OneUser));
    match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", at] => {
            let listener =
                TcpListener::bind(at).await.with_context(|| format!("listening at {at}"))?;
            println!("listening at {}", listener.local_addr()?);
            router.serve(listener, Acceptor::default()).await;
        }
        ["ask", server, user, password, text @ ..] => {
            let login = Login::new(Credentials::password(*user, *password));
            println!("{}", ask(&server.parse()?, login, &text.join(" ")).await?);
        }
        [] => {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            let server = format!("tcp://{}", listener.local_addr()?).parse()?;
            let serving = router.clone();
            let serving =
                tokio::spawn(async move { serving.serve(listener, Acceptor::default()).await });
            let root = Login::new(Credentials::password("root", "secret"));
            println!("root: {}", ask(&server, root, "what was asked").await?);
            let other = Login::new(Credentials::password("other", "secret"));
            match ask(&server, other, "what was asked").await {
                Err(error) => println!("other: {error}"),
                Ok(_) => bail!("somebody else was let in"),
            }
            router.shut_down().await;
            serving.await?;
        }
        _ => bail!("serve HOST:PORT, ask SERVER USER PASSWORD TEXT, or nothing"),
    }
    Ok(())
}
