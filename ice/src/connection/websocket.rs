//! Messages in WebSocket: its frames are taken as a stream of bytes, since proxies on the way
//! may cut them elsewhere.

use std::io;

use bytes::BytesMut;
use futures_util::{
    SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async_with_config, client_async_with_config,
    tungstenite::{
        self, Message,
        handshake::server::{ErrorResponse, Request, Response},
        http::{HeaderValue, StatusCode, header::SEC_WEBSOCKET_PROTOCOL},
        protocol::WebSocketConfig,
    },
};

use super::{
    Address,
    cut::{self, Cut},
    stream::Stream,
};
use crate::{Error, Result};

/// What Ice calls its protocol in WebSocket.
const PROTOCOL: HeaderValue = HeaderValue::from_static("ice.zeroc.com");

type Web = WebSocketStream<Cut>;

/// The bytes of frames that come.
pub(super) struct WebReader(SplitStream<Web>);

/// Frames that go.
pub(super) struct WebWriter(SplitSink<Web, Message>);

/// Frames are cut before they are read, so that none of them is long.
fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(cut::LONGEST)
        .max_message_size(Some(cut::LONGEST))
        .max_frame_size(Some(cut::LONGEST))
}

pub(super) async fn connect(
    stream: Box<dyn Stream>,
    address: &Address,
) -> Result<(WebReader, WebWriter)> {
    let failed = |error: tungstenite::Error| {
        let problem = match &error {
            tungstenite::Error::Http(answer) => {
                format!("{address} answers with {}; is its path right?", answer.status())
            }
            _ => {
                let meant =
                    if address.scheme.is_secure() { "ssl://" } else { "tcp://, or wss://," };
                format!("what is at {address} speaks no WebSocket ({error}); is {meant} meant?")
            }
        };
        Error::io("a WebSocket", problem)
    };
    let is_v6 = address.host.contains(':');
    let (open, close) = if is_v6 { ("[", "]") } else { ("", "") };
    let request = tungstenite::http::Request::builder()
        .uri(format!("ws://{open}{}{close}:{}{}", address.host, address.port, address.path))
        .header("Host", format!("{open}{}{close}:{}", address.host, address.port))
        .header("Connection", "Upgrade")
        .header("Upgrade", "websocket")
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-WebSocket-Key", tungstenite::handshake::client::generate_key())
        .header(SEC_WEBSOCKET_PROTOCOL, PROTOCOL)
        .body(())
        .map_err(|error| failed(error.into()))?;
    let (web, _) = client_async_with_config(request, Cut::new(stream), Some(config()))
        .await
        .map_err(failed)?;
    let (writer, reader) = web.split();
    Ok((WebReader(reader), WebWriter(writer)))
}

/// Answers a request for a WebSocket: with the protocol's name, if it is asked for Ice's.
#[expect(clippy::result_large_err, reason = "the type is that of the callback")]
fn answer(
    request: &Request,
    mut response: Response,
) -> std::result::Result<Response, ErrorResponse> {
    let asked = request.headers().get_all(SEC_WEBSOCKET_PROTOCOL).iter();
    let mut asked =
        asked.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    if !asked.any(|protocol| protocol.trim().as_bytes() == PROTOCOL.as_bytes()) {
        let mut refused = ErrorResponse::new(Some("ice.zeroc.com is spoken here".to_owned()));
        *refused.status_mut() = StatusCode::BAD_REQUEST;
        return Err(refused);
    }
    response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, PROTOCOL);
    Ok(response)
}

pub(super) async fn accept(stream: Box<dyn Stream>) -> Result<(WebReader, WebWriter)> {
    let web = accept_hdr_async_with_config(Cut::new(stream), answer, Some(config())).await;
    let web = web.map_err(|error| Error::io("a WebSocket", error.to_string()))?;
    let (writer, reader) = web.split();
    Ok((WebReader(reader), WebWriter(writer)))
}

fn io_error(error: tungstenite::Error) -> io::Error {
    match error {
        tungstenite::Error::Io(error) => error,
        other => io::Error::other(other),
    }
}

/// Ends the stream below a WebSocket that was closed.
pub(super) async fn shut_down(reader: WebReader, writer: WebWriter) {
    if let Ok(mut web) = reader.0.reunite(writer.0) {
        // The other end may have gone already.
        let _: io::Result<()> = web.get_mut().shutdown().await;
    }
}

impl WebReader {
    /// Adds the next bytes; none at the end.
    pub(super) async fn read(&mut self, buffer: &mut BytesMut) -> io::Result<usize> {
        loop {
            match self.0.next().await {
                None | Some(Ok(Message::Close(_))) => return Ok(0),
                Some(Err(
                    tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed,
                )) => return Ok(0),
                Some(Err(error)) => return Err(io_error(error)),
                Some(Ok(Message::Binary(bytes))) if !bytes.is_empty() => {
                    buffer.extend_from_slice(&bytes);
                    return Ok(bytes.len());
                }
                Some(Ok(Message::Text(_))) => {
                    return Err(io::Error::other("text came where Ice has bytes"));
                }
                // Pings are answered below this.
                Some(Ok(_)) => {}
            }
        }
    }
}

impl WebWriter {
    pub(super) async fn send(&mut self, bytes: Vec<u8>) -> io::Result<()> {
        self.0.feed(Message::Binary(bytes.into())).await.map_err(io_error)
    }

    pub(super) async fn flush(&mut self) -> io::Result<()> {
        self.0.flush().await.map_err(io_error)
    }

    pub(super) async fn close(&mut self) -> io::Result<()> {
        self.0.close().await.map_err(io_error)
    }
}
