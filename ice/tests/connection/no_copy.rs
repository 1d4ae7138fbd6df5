//! Sequences of bytes are not copied between a socket and what is called.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use ice::{
    connection::{Acceptor, Options, Reply, Servant, connect},
    omero::{self, api::RawPixelsStore},
    typed::Incoming,
    wire::{Call, Compression, Encoding, Limits, Message, Mode, ReplyBody, Request},
};
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::{
    raw::{listen, next},
    server::call,
};

/// More than systems keep for a peer that does not read.
const N_BYTES: usize = 32 << 20;

/// Gives back what comes, and keeps it too.
#[derive(Default)]
struct Keeps(Mutex<Option<Bytes>>);

impl Servant for Keeps {
    fn dispatch(&self, call: Call) -> Reply<'_> {
        assert_eq!(call.parameters.content.parts().count(), 1);
        let content = call.parameters.content.joined();
        let answer = ReplyBody::Ok(call.parameters.clone());
        let seen = Incoming::open::<RawPixelsStore>(omero::schema(), call).unwrap();
        let (plane, ..) = seen.arguments(RawPixelsStore::SET_PLANE).unwrap();
        // What is looked at is a part of what came.
        let (part, whole) = (plane.as_ptr_range(), content.as_ptr_range());
        assert!(whole.start <= part.start && part.end <= whole.end);
        *self.0.lock().unwrap() = Some(content);
        Box::pin(std::future::ready(answer))
    }
}

impl Keeps {
    /// Waits until nobody else has the memory that was kept, or somebody has.
    async fn until_alone(&self, expected: bool) {
        let is_alone = || self.0.lock().unwrap().as_ref().map(Bytes::is_unique);
        let alone = async {
            while is_alone() != Some(expected) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), alone).await.unwrap();
    }
}

async fn server() -> (Arc<Keeps>, ice::connection::Address) {
    let (listener, address) = listen().await;
    let keeps = Arc::new(Keeps::default());
    let options = Options::default().with_servants(keeps.clone());
    let acceptor = Acceptor { options, ..Acceptor::default() };
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        acceptor.accept(stream).await.unwrap().1.run().await
    });
    (keeps, address)
}

fn set_plane() -> Call {
    let plane: Bytes = vec![7; N_BYTES].into();
    let parameters = RawPixelsStore::set_plane(plane, 1, 2, 3).encode(Encoding::V1_1).unwrap();
    Call { parameters, ..call("setPlane", Mode::Idempotent, vec![]) }
}

/// What waits to be sent is the memory that was read from the socket.
#[tokio::test]
async fn from_a_socket_to_a_socket() {
    let (keeps, address) = server().await;
    let mut stream = TcpStream::connect(("127.0.0.1", address.port)).await.unwrap();
    assert_eq!(next(&mut stream).await, Some(Message::Validate));
    let request = Message::Request(Request { id: 1, call: set_plane() });
    stream.write_all(&request.encode(Compression::Never).unwrap()).await.unwrap();
    keeps.until_alone(false).await;
    // A copy would have let go of it by now: nothing else is worked on.
    tokio::time::sleep(Duration::from_millis(300)).await;
    keeps.until_alone(false).await;
    let Some(Message::Reply(reply)) = next(&mut stream).await else { panic!() };
    assert!(reply.body.into_result().unwrap().content == set_plane().parameters.content);
    keeps.until_alone(true).await;
}

/// What is called with and what is answered is one piece each.
#[tokio::test]
async fn from_a_client_to_a_servant_and_back() {
    let (keeps, address) = server().await;
    let (client, connection) = connect(&address, Options::default()).await.unwrap();
    tokio::spawn(connection.run());
    let answer = client.call(set_plane()).await.unwrap().into_result().unwrap();
    assert_eq!(answer.content.parts().count(), 1);
    let whole = answer.content.joined();
    // The same parameters are the result: a plane and three numbers.
    let plane = RawPixelsStore::SET_PLANE.declaration().unwrap().parameters.iter();
    let types: Vec<_> = plane.map(|member| member.of).collect();
    let read = ice::codec::decode(omero::schema(), &types, &answer, &Limits::default()).unwrap();
    let ice::value::Value::Bytes(plane) = &read.values[0] else { panic!() };
    let (part, whole) = (plane.as_ptr_range(), whole.as_ptr_range());
    assert!(plane.len() == N_BYTES && whole.start <= part.start && part.end <= whole.end);
    keeps.until_alone(true).await;
}
