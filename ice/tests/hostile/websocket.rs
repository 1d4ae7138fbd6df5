//! Frames of WebSocket that say that they are long.

use std::{
    io::{Read, Write},
    net::{TcpListener as StdListener, TcpStream},
    time::Duration,
};

use futures_util::future::BoxFuture;
use ice::{
    Error,
    connection::{Acceptor, Address, Options, Scheme, connect},
    glacier2::router::{Host, LoginRequest, Made, Refusal, Router, RouterOptions},
    wire::{Compression, Message},
};
use tokio::net::TcpListener;

use crate::{alone, memory};

struct Nobody;

impl Host for Nobody {
    fn create(&self, _: LoginRequest) -> BoxFuture<'_, Result<Made, Refusal>> {
        Box::pin(std::future::ready(Err(Refusal::denied("nobody"))))
    }
}

/// A router that listens for WebSocket, in a runtime of its own.
fn router() -> (tokio::runtime::Runtime, Router, u16) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let router = Router::new(RouterOptions::default(), std::sync::Arc::new(Nobody));
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = Acceptor { websocket: true, ..Acceptor::default() };
    let serving = router.clone();
    runtime.spawn(async move { serving.serve(listener, acceptor).await });
    (runtime, router, port)
}

const HELLO: &[u8] = b"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\
    Sec-WebSocket-Protocol: ice.zeroc.com\r\n\r\n";

/// Somebody who speaks WebSocket by hand; the router has said that it is there.
fn stranger(port: u16) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.write_all(HELLO).unwrap();
    let mut answer = Vec::new();
    while !answer.windows(4).any(|bytes| bytes == b"IceP") {
        let mut chunk = [0; 512];
        let n = stream.read(&mut chunk).unwrap();
        assert!(n > 0, "{}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&chunk[..n]);
    }
    stream
}

/// The head of a frame of 64 MiB less a byte, masked with zeros.
fn head() -> Vec<u8> {
    let mut head = vec![0x82, 0xFF];
    head.extend(((64u64 << 20) - 1).to_be_bytes());
    head.extend([0; 4]);
    head
}

#[test]
fn heads_of_long_frames_take_no_memory() {
    let _alone = alone();
    let (runtime, router, port) = router();
    // What is taken once is taken.
    drop(stranger(port));
    let (streams, peak) = memory::peak_of(|| {
        let streams: Vec<TcpStream> = (0..8)
            .map(|_| {
                let mut stream = stranger(port);
                stream.write_all(&head()).unwrap();
                stream.write_all(b"IceP\x01\0\x01\0").unwrap();
                stream
            })
            .collect();
        std::thread::sleep(Duration::from_millis(300));
        streams
    });
    assert!(router.n_connections() >= 8);
    // A connection has some buffers of 64 KiB.
    assert!(peak < 8 << 20, "{peak} bytes for eight heads");
    drop(streams);
    runtime.shutdown_background();
}

/// A frame may be as long as it likes; the message in it may not.
#[test]
fn long_messages_of_strangers_are_not_kept() {
    let _alone = alone();
    let (runtime, router, port) = router();
    let mut stream = stranger(port);
    let (_, peak) = memory::peak_of(|| {
        stream.write_all(&head()).unwrap();
        let mut message = b"IceP\x01\0\x01\0\0\0".to_vec();
        message.extend((60i32 << 20).to_le_bytes());
        stream.write_all(&message).unwrap();
        for _ in 0..200 {
            if stream.write_all(&[0; 64 << 10]).is_err() {
                break;
            }
        }
        std::thread::sleep(Duration::from_millis(100));
    });
    assert!(peak < 4 << 20, "{peak} bytes");
    assert_eq!(router.n_connections(), 0);
    runtime.shutdown_background();
}

/// The other way round: a server that says that its first word is long.
#[test]
fn servers_that_say_that_a_frame_is_long() {
    let _alone = alone();
    let listener = StdListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut asked = Vec::new();
        while !asked.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            asked.extend(byte);
        }
        let asked = String::from_utf8(asked).unwrap();
        let key = asked.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
        let accept = tokio_tungstenite::tungstenite::handshake::derive_accept_key(
            key.unwrap().trim().as_bytes(),
        );
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: ice.zeroc.com\r\n\r\n"
        );
        stream.write_all(answer.as_bytes()).unwrap();
        let mut head = head();
        head[1] = 0x7F;
        head.truncate(10);
        stream.write_all(&head).unwrap();
        // A first word, of a frame that does not end.
        stream.write_all(&Message::Validate.encode(Compression::Never).unwrap()).unwrap();
        std::thread::sleep(Duration::from_millis(800));
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let path = "/".to_owned();
    let address = Address { scheme: Scheme::Ws, host: "127.0.0.1".to_owned(), port, path };
    let options = Options::default().with_connect_timeout(Duration::from_millis(500));
    let (connected, peak) =
        memory::peak_of(|| runtime.block_on(connect(&address, options)).map(drop));
    assert!(matches!(connected, Err(Error::Timeout { .. })), "{connected:?}");
    assert!(peak < 2 << 20, "{peak} bytes");
    server.join().unwrap();
}
