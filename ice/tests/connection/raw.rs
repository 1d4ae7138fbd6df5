//! A peer that is written by hand.

use ice::wire::{Compression, HEADER_BYTES, Header, Limits, Message};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// Where a peer that is written by hand listens.
pub(crate) async fn listen() -> (TcpListener, ice::connection::Address) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("tcp://{}", listener.local_addr().unwrap());
    (listener, address.parse().unwrap())
}

pub(crate) async fn send(stream: &mut TcpStream, message: &Message) {
    stream.write_all(&message.encode(Compression::Never).unwrap()).await.unwrap();
}

/// The next message; none at the end.
pub(crate) async fn next(stream: &mut TcpStream) -> Option<Message> {
    let mut head = [0; HEADER_BYTES];
    stream.read_exact(&mut head).await.ok()?;
    let header = Header::decode(&head, &Limits::default()).unwrap();
    let mut body = vec![0; header.n_bytes - HEADER_BYTES];
    stream.read_exact(&mut body).await.ok()?;
    Some(Message::decode(&header, body.into(), &Limits::default()).unwrap())
}
