//! Calls and answers that are long.

use ice::wire::{Compression, Message, Request};
use tokio::io::AsyncWriteExt;

use crate::{
    raw::{answer, call, logged_in, no_proxies, squeezed},
    start::Running,
};

/// Few bytes that become many values are refused; what is as long without being compressed is
/// not.
#[tokio::test]
async fn values_that_came_as_few_bytes() {
    let running = Running::plain().await;
    let mut stream = logged_in(&running).await;
    let many = || call("addProxies", 2, no_proxies(1 << 20));
    let bytes = squeezed(2, many());
    assert!(bytes.len() < 200, "{}", bytes.len());
    stream.write_all(&bytes).await.unwrap();
    let (_, refused) = answer(&mut stream).await.unwrap();
    assert_eq!(refused.status(), 5);
    assert!(format!("{refused:?}").contains("values"), "{refused:?}");
    let plain = Message::Request(Request { id: 3, call: many() });
    stream.write_all(&plain.encode(Compression::Never).unwrap()).await.unwrap();
    assert_eq!(answer(&mut stream).await.unwrap().1.status(), 0);
    // Some are let through however few bytes they came as.
    let some = call("addProxies", 2, no_proxies(60_000));
    stream.write_all(&squeezed(4, some)).await.unwrap();
    assert_eq!(answer(&mut stream).await.unwrap().1.status(), 0);
}

/// On one thread: others go on while a long call is decompressed, and while its arguments are
/// read.
#[tokio::test]
async fn long_calls_do_not_hold_others_up() {
    let running = Running::plain().await;
    let other = running.root().await;
    let plain = Request { id: 2, call: call("addProxies", 2, no_proxies(2 << 20)) };
    let plain = Message::Request(plain).encode(Compression::Never).unwrap();
    let blank = squeezed(2, call("addProxies", 2, vec![0; 60 << 20]));
    for bytes in [blank, plain] {
        let mut stream = logged_in(&running).await;
        let answered = tokio::spawn(async move {
            stream.write_all(&bytes).await.unwrap();
            answer(&mut stream).await.unwrap()
        });
        let mut n = 0;
        while !answered.is_finished() {
            other.refresh().await.unwrap();
            n += 1;
        }
        assert_eq!(answered.await.unwrap().0, 2);
        assert!(n > 20, "{n} calls of another session");
    }
}
