//! The ZeroC Ice protocol 1.0 in pure Rust: messages, values and proxies as bytes, and
//! connections that carry them.
//!
//! [`wire`] turns bytes into messages and back, [`schema`] describes the types that travel,
//! [`value`] holds what was decoded with them, and [`codec`] does that. None of these does I/O.
//! With the feature `omero` there are the types of OMERO's interface for the compiler, and with
//! `tokio` [`connection`]s and the sessions on them ([`glacier2`]); both are on unless default
//! features are left out. Facts of the protocol are explained in `docs/design/004-ice.md`.
//!
//! A client of OMERO, here of a server in the same process that has one service:
//!
//! ```
//! use std::sync::Arc;
//!
//! use futures_util::future::BoxFuture;
//! use ice::{
//!     connection::{Acceptor, Adapter, Options, Reply, Servant},
//!     glacier2::{Credentials, Login, Session, router},
//!     omero::{api::{IConfig, ServiceFactory}, schema},
//!     typed::{Incoming, Interface},
//!     value::Graph,
//!     wire::{Call, Identity, Proxy},
//! };
//!
//! /// The session's object and its only service, in one.
//! struct Service;
//!
//! impl Servant for Service {
//!     fn dispatch(&self, call: Call) -> Reply<'_> {
//!         let interface = match call.identity.name.as_str() {
//!             "config" => IConfig::TYPE_ID,
//!             _ => ServiceFactory::TYPE_ID,
//!         };
//!         let body = match Incoming::open_as(schema(), interface, call) {
//!             Err(refused) => refused,
//!             Ok(call) => call.answer(|call| {
//!                 if call.is(ServiceFactory::GET_CONFIG_SERVICE) {
//!                     let config = Proxy::new(Identity::named("config"));
//!                     let of = ServiceFactory::GET_CONFIG_SERVICE;
//!                     return call.reply(of, Some(config), &Graph::new());
//!                 }
//!                 if call.is(IConfig::GET_VERSION) {
//!                     return call.reply(IConfig::GET_VERSION, "5.6.0", &Graph::new());
//!                 }
//!                 Ok(call.no_operation())
//!             }),
//!         };
//!         Box::pin(std::future::ready(body))
//!     }
//! }
//!
//! fn session() -> ice::Result<router::Made> {
//!     let objects = Adapter::new(schema());
//!     let session = Identity::named("session");
//!     objects.add(session.clone(), ServiceFactory::TYPE_ID, Arc::new(Service))?;
//!     objects.add(Identity::named("config"), IConfig::TYPE_ID, Arc::new(Service))?;
//!     Ok(router::Made { object: Some(Proxy::new(session)), session: Arc::new(objects) })
//! }
//!
//! /// Lets one user in.
//! struct Host;
//!
//! impl router::Host for Host {
//!     fn create(
//!         &self,
//!         login: router::LoginRequest,
//!     ) -> BoxFuture<'_, Result<router::Made, router::Refusal>> {
//!         let made = match login.credentials == Credentials::password("root", "secret") {
//!             false => Err(router::Refusal::denied("who is that?")),
//!             true => session().map_err(router::Refusal::from),
//!         };
//!         Box::pin(std::future::ready(made))
//!     }
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let router = router::Router::new(router::RouterOptions::default(), Arc::new(Host));
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! let address = format!("tcp://{}", listener.local_addr()?).parse()?;
//! let serving = router.clone();
//! tokio::spawn(async move { serving.serve(listener, Acceptor::default()).await });
//!
//! let login = Login::new(Credentials::password("root", "secret"));
//! let session = Session::connect(&address, Options::default(), login).await?;
//! let config = session.invoke_own(ServiceFactory::get_config_service()).await?;
//! let config = config.get()?.ok_or("no service")?;
//! let version = session.invoke(config, IConfig::get_version()).await?;
//! assert_eq!(version.get()?, "5.6.0");
//! session.destroy().await?;
//!
//! let login = Login::new(Credentials::password("root", "wrong"));
//! let refused = Session::connect(&address, Options::default(), login).await;
//! assert!(matches!(refused, Err(ice::Error::PermissionDenied(_))));
//! router.shut_down().await;
//! # Ok(())
//! # }
//! ```

pub mod codec;
#[cfg(feature = "tokio")]
pub mod connection;
pub mod error;
#[cfg(feature = "testing")]
pub mod fuzz;
#[cfg(all(feature = "omero", feature = "tokio"))]
pub mod glacier2;
#[cfg(feature = "omero")]
pub mod omero;
pub mod schema;
#[cfg(feature = "omero")]
pub mod typed;
pub mod value;
pub mod wire;

pub use error::{Error, Result};
