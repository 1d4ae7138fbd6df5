//! The side that is connected to.

use std::{path::Path, sync::Arc};

use tokio::{net::TcpStream, time};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig, crypto,
        pki_types::{PrivateKeyDer, pem::PemObject},
    },
};

use super::{
    Client, Connection, Options, driver,
    stream::{self, Stream},
    tls,
    watched::{Heard, Watched},
};
use crate::{
    Error, Result,
    wire::{Compression, Message},
};

/// The certificate of a server, and its key.
#[derive(Clone)]
pub struct ServerTls(TlsAcceptor);

impl std::fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ServerTls")
    }
}

impl ServerTls {
    /// From PEM files of the certificates, the server's own first, and of its key.
    ///
    /// # Errors
    /// `Io` when a file cannot be read or is none, or the key is of another certificate.
    pub fn from_files(certificates: &Path, key: &Path) -> Result<Self> {
        let failed = |problem: String| Error::io("a key", format!("{}: {problem}", key.display()));
        let chain = tls::certificates(certificates)?;
        let key = PrivateKeyDer::from_pem_file(key).map_err(|error| failed(error.to_string()))?;
        let config =
            ServerConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .map_err(|error| failed(error.to_string()))?
                .with_no_client_auth()
                .with_single_cert(chain, key)
                .map_err(|error| failed(error.to_string()))?;
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }
}

/// Turns streams that were accepted into connections.
#[derive(Clone, Debug, Default)]
pub struct Acceptor {
    /// What connections may do; `servants` answer the calls.
    pub options: Options,
    /// With TLS, or without.
    pub tls: Option<ServerTls>,
    /// Whether messages are in WebSocket.
    pub websocket: bool,
}

impl Acceptor {
    /// Begins a connection, and says that this side is there.
    ///
    /// # Errors
    /// `Io` when the other end goes or does not speak what it should, `Timeout` when it does
    /// nothing.
    pub async fn accept(&self, stream: TcpStream) -> Result<(Client, Connection)> {
        let options = self.options.clone().usable();
        let after = options.connect_timeout;
        let failed = |error: std::io::Error| Error::io("a connection", error.to_string());
        let begin = async {
            stream.set_nodelay(true).map_err(failed)?;
            let limits = options.limits;
            let heard = Arc::new(Heard::new());
            let watched = |stream| Watched::new(stream, heard.clone());
            let (incoming, mut outgoing) = match (&self.tls, self.websocket) {
                (None, false) => stream::plain_halves(stream, limits, heard),
                (None, true) => {
                    let stream = Box::new(watched(stream));
                    stream::web_halves(stream, limits, heard).await?
                }
                (Some(ServerTls(tls)), websocket) => {
                    let stream: Box<dyn Stream> =
                        Box::new(tls.accept(watched(stream)).await.map_err(failed)?);
                    match websocket {
                        true => stream::web_halves(stream, limits, heard).await?,
                        false => stream::halves(stream, limits, heard),
                    }
                }
            };
            outgoing.send(Message::Validate.encode(Compression::Never)?).await?;
            outgoing.flush().await?;
            Ok(driver::new(incoming, outgoing, options, true))
        };
        let begun = time::timeout(after, begin).await;
        begun.unwrap_or_else(|_| {
            Err(Error::Timeout {
                what: "the beginning of a connection".to_owned(),
                after,
                may_repeat: true,
            })
        })
    }
}
