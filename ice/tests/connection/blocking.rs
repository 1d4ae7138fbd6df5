//! Calls that block their thread.

use ice::{
    connection::{Options, blocking::Client},
    wire::Mode,
};
use tokio::runtime::Builder;

use crate::server::{Server, call, object, slow};

#[test]
fn threads_call_at_the_same_time() {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
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

/// Threads that a runtime has for work that blocks may call; tasks may not, wherever they run.
#[test]
fn threads_of_a_runtime() {
    let server_runtime =
        Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let server = server_runtime.block_on(Server::plain());
    let client = Client::connect(&server.address, Options::default()).unwrap();
    let refused = |client: &Client| {
        let error = client.ping(&object()).unwrap_err();
        assert!(error.to_string().contains("does not block"), "{error}");
    };
    for runtime in [
        Builder::new_current_thread().enable_all().build().unwrap(),
        Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap(),
    ] {
        let of_task = client.clone();
        let address = server.address.clone();
        runtime.block_on(async {
            refused(&client);
            let own = client.clone();
            tokio::spawn(async move { refused(&own) }).await.unwrap();
            let own = client.clone();
            let alone = tokio::task::LocalSet::new();
            let local = async { tokio::task::spawn_local(async move { refused(&own) }).await };
            alone.run_until(local).await.unwrap();
            let threads = (0..4).map(|_| {
                let (client, address) = (of_task.clone(), address.clone());
                tokio::task::spawn_blocking(move || {
                    for _ in 0..200 {
                        client.ping(&object()).unwrap();
                    }
                    let own = Client::connect(&address, Options::default()).unwrap();
                    own.ping(&object()).unwrap();
                    own.close();
                })
            });
            for thread in threads.collect::<Vec<_>>() {
                thread.await.unwrap();
            }
            // The task goes on as it did.
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            refused(&client);
        });
        // A thread that knows a runtime, and works on nothing of it.
        let _known = runtime.enter();
        client.ping(&object()).unwrap();
    }
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let own = client.clone();
    let in_place = async move { tokio::task::block_in_place(|| own.ping(&object())) };
    runtime.block_on(async { tokio::spawn(in_place).await.unwrap().unwrap() });
}
