//! Connections over TCP, TLS and WebSocket, and calls in both directions on them.
//!
//! [`connect`] answers a [`Client`], which may be cloned and makes calls, and a [`Connection`],
//! whose [`run`](Connection::run) does the work until the connection ends and which is given to
//! a task. Many calls may wait at a time; answers come in any order.
//!
//! ```no_run
//! use ice::connection::{Address, Options, Verification, connect};
//!
//! # async fn example() -> ice::Result<()> {
//! let address: Address = "omero.example".parse()?;
//! let options = Options::default().with_verification(Verification::SystemRoots);
//! let (client, connection) = connect(&address, options).await?;
//! tokio::spawn(connection.run());
//! let router = ice::wire::Identity::new("router", "OMERO.Glacier2");
//! client.ping(&router).await?;
//! client.close().await;
//! # Ok(())
//! # }
//! ```

mod accept;
mod address;
pub mod blocking;
mod client;
mod cut;
mod driver;
mod known_hosts;
mod options;
mod pending;
mod room;
mod servant;
mod stream;
mod tls;
mod watched;
mod websocket;

pub use accept::{Acceptor, ServerTls};
pub use address::{Address, Scheme};
pub use client::Client;
#[cfg(feature = "omero")]
pub(crate) use client::{finish, prepare};
pub use driver::{Connection, connect};
#[cfg(feature = "omero")]
pub(crate) use options::deadline;
pub use options::{Options, Verification};
pub use servant::{Adapter, NoServants, Reply, Servant};
#[cfg(feature = "omero")]
pub(crate) use servant::{built_in, interface_ids};
