//! Calls that block their thread.

use ice::{
    connection::{Options, blocking::Client},
    wire::Mode,
};

use crate::server::{Server, call, object, slow};

#[test]
fn threads_call_at_the_same_time() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let server = runtime.block_on(Server::plain());
    let client = Client::connect(&server.address, Options::default()).unwrap();
    client.ping(&object()).unwrap();
    let begun = std::time::Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| client.call(slow(200, Mode::Normal)).unwrap());
        }
    });
    assert!(begun.elapsed().as_millis() < 1600, "{:?}", begun.elapsed());
    // In a task it is refused: it would stop all others.
    let error = runtime.block_on(async { client.ping(&object()) }).unwrap_err();
    assert!(error.to_string().contains("does not block"), "{error}");
    client.close();
    assert!(client.call(call("echo", Mode::Normal, vec![])).unwrap_err().may_repeat());
    // And may be dropped there.
    runtime.block_on(async move { drop(client) });
}
