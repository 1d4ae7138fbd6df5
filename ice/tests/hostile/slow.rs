//! Peers that ask for much and do not take it, or have much worked on.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use ice::{
    connection::{Acceptor, Options, Reply, Servant},
    wire::{
        Call, Compression, Encapsulation, Encoding, HEADER_BYTES, Header, Identity, Limits,
        Message, ReplyBody, Request,
    },
};
use tokio::{net::TcpListener, runtime::Runtime, sync::Semaphore};

use crate::{alone, memory};

const MIB: usize = 1 << 20;
const LONGEST: usize = 2 * MIB;
const N_CALLS: i32 = 100;

/// Answers with a mebibyte, when it is told to.
struct Long {
    n_begun: AtomicUsize,
    may_answer: Semaphore,
}

impl Servant for Long {
    fn dispatch(&self, call: Call) -> Reply<'_> {
        Box::pin(async move {
            self.n_begun.fetch_add(1, Ordering::SeqCst);
            let permit = self.may_answer.acquire().await;
            drop((permit, call));
            ReplyBody::Ok(Encapsulation::new(Encoding::V1_1, vec![7; MIB]))
        })
    }
}

/// A server, and a connection to it on which it has said that it is there.
fn serve(servant: &Arc<Long>) -> (Runtime, TcpStream) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let port = listener.local_addr().unwrap().port();
    let limits = Limits { message_bytes: LONGEST, ..Limits::default() };
    let options = Options::default().with_limits(limits).with_servants(servant.clone());
    let acceptor = Acceptor { options, ..Acceptor::default() };
    runtime.spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let (_client, connection) = acceptor.accept(stream).await.unwrap();
        connection.run().await
    });
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.read_exact(&mut [0; HEADER_BYTES]).unwrap();
    (runtime, stream)
}

fn calls(content: &[u8], compression: Compression) -> Vec<u8> {
    let call = Call {
        identity: Identity::named("x"),
        facet: String::new(),
        operation: "x".to_owned(),
        mode: 0,
        context: Vec::new(),
        parameters: Encapsulation::new(Encoding::V1_1, content.to_vec()),
        limits: Limits::default(),
    };
    let one = |id| {
        let request = Message::Request(Request { id, call: call.clone() });
        request.encode(compression).unwrap()
    };
    (1..=N_CALLS).flat_map(one).collect()
}

/// Waits until no more calls are begun.
fn until_it_waits(servant: &Long) -> usize {
    let mut n = 0;
    loop {
        std::thread::sleep(Duration::from_millis(500));
        let now = servant.n_begun.load(Ordering::SeqCst);
        if now > 0 && now == n {
            return n;
        }
        n = now;
    }
}

fn answers(stream: &mut TcpStream) -> usize {
    let mut n = 0;
    for _ in 0..N_CALLS {
        let mut head = [0; HEADER_BYTES];
        stream.read_exact(&mut head).unwrap();
        let header = Header::decode(&head, &Limits::default()).unwrap();
        let mut body = vec![0; header.n_bytes - HEADER_BYTES];
        stream.read_exact(&mut body).unwrap();
        let message = Message::decode(&header, body.into(), &Limits::default()).unwrap();
        let Message::Reply(reply) = message else { panic!("{message:?}") };
        n += usize::from(
            matches!(reply.body, ReplyBody::Ok(content) if content.content.len() == MIB),
        );
    }
    n
}

/// Answers that are not read take memory for two of the longest messages, not for each call.
#[test]
fn answers_that_nobody_reads() {
    let _alone = alone();
    let servant = Arc::new(Long { n_begun: AtomicUsize::new(0), may_answer: Semaphore::new(1) });
    let (_runtime, mut stream) = serve(&servant);
    let calls = calls(b"", Compression::Never);
    let (n, peak) = memory::peak_of(|| {
        stream.write_all(&calls).unwrap();
        until_it_waits(&servant)
    });
    // The system keeps some too.
    assert!(n < N_CALLS as usize, "{n} calls were begun");
    assert!(peak < 3 * LONGEST + MIB, "{peak} bytes");
    // It reads after all: everything comes.
    assert_eq!(answers(&mut stream), N_CALLS as usize);
}

/// So do calls that are worked on, however few bytes they came as.
#[test]
fn long_calls_that_are_worked_on() {
    let _alone = alone();
    let servant = Arc::new(Long { n_begun: AtomicUsize::new(0), may_answer: Semaphore::new(0) });
    let (_runtime, mut stream) = serve(&servant);
    let calls = calls(&vec![0; MIB - 200], Compression::Bzip2);
    assert!(calls.len() < MIB / 10, "{}", calls.len());
    let (n, peak) = memory::peak_of(|| {
        stream.write_all(&calls).unwrap();
        until_it_waits(&servant)
    });
    assert!((3..8).contains(&n), "{n} calls were begun");
    assert!(peak < 6 * LONGEST, "{peak} bytes");
    servant.may_answer.add_permits(1);
    assert_eq!(answers(&mut stream), N_CALLS as usize);
}
