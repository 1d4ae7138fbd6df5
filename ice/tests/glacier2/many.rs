//! Many calls and many sessions.

use std::time::Duration;

use ice::{
    connection::{Acceptor, Options},
    glacier2::{Session, router::RouterOptions},
    omero::api::{IConfig, RawFileStore, ServiceFactory},
};

use tokio::net::TcpStream;

use crate::start::{Running, file_store, root, start};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_calls_at_a_time() {
    let options = Options::default().with_dispatches(1000);
    let running =
        start(RouterOptions::default(), Acceptor { options, ..Acceptor::default() }).await;
    let options = Options::default().with_calls_in_flight(1000);
    let session = Session::connect(&running.address, options, root()).await.unwrap();
    let config = session.invoke_own(ServiceFactory::get_config_service()).await.unwrap();
    let config = config.get().unwrap().cloned().unwrap();
    let store = file_store(&session).await;
    let calls: Vec<_> = (0..1000)
        .map(|at| {
            let (session, config, store) = (session.clone(), config.clone(), store.clone());
            tokio::spawn(async move {
                // Answers come in another order.
                session.invoke(&store, RawFileStore::truncate((1000 - at) / 10)).await.unwrap();
                let key = format!("key {at}");
                let answer =
                    session.invoke(&config, IConfig::get_config_value(&key)).await.unwrap();
                assert_eq!(answer.get(), Ok(key.as_str()));
            })
        })
        .collect();
    for call in calls {
        call.await.unwrap();
    }
    assert_eq!(session.client().n_waiting(), 0);
}

/// Bytes that this process has in memory.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
}

fn n_files() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Opens and closes sessions in all the ways that they end.
async fn sessions(running: &Running, n: usize) {
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let address = running.address.clone();
            tokio::spawn(async move {
                for at in 0..n / 8 {
                    let session =
                        Session::connect(&address, Options::default(), root()).await.unwrap();
                    let store = file_store(&session).await;
                    session.invoke(&store, RawFileStore::size()).await.unwrap();
                    match (task + at) % 3 {
                        0 => session.destroy().await.unwrap(),
                        1 => session.client().close().await,
                        _ => drop(session),
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    running.until_sessions(0).await;
}

/// In a process of its own: the memory of the tests beside it is none of its matter.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg(target_os = "linux")]
async fn ten_thousand_sessions_leave_nothing() {
    const ALONE: &str = "POLYSTORE_TEST_ALONE";
    if std::env::var_os(ALONE).is_none() {
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "many::ten_thousand_sessions_leave_nothing"])
            .env(ALONE, "1")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
        return;
    }
    let running = Running::plain().await;
    // What is taken once is taken.
    sessions(&running, 1600).await;
    let until_closed = async || {
        while running.router.n_connections() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    until_closed().await;
    let (memory, files) = (resident(), n_files());
    sessions(&running, 10_000).await;
    until_closed().await;
    let grown = resident().saturating_sub(memory);
    // 10 000 sessions with a table and a task each would be more than 100 MB.
    assert!(grown < 8 << 20, "{grown} bytes more");
    assert!(n_files() <= files + 4, "{} files, {files} before", n_files());
    assert_eq!(running.host.ended.lock().unwrap().len(), 11_600);
}

/// A router that has gone has no connection any more, not even one that has not begun to speak.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_left_when_a_router_has_gone() {
    for _ in 0..60 {
        let acceptor = Acceptor { websocket: true, ..Acceptor::default() };
        let running = start(RouterOptions::default(), acceptor).await;
        let plain = Running::plain().await;
        let silent = TcpStream::connect(("127.0.0.1", running.address.port)).await.unwrap();
        while running.router.n_connections() == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let _sessions = [plain.root().await, plain.root().await];
        for router in [&running.router, &plain.router] {
            tokio::time::timeout(Duration::from_secs(8), router.shut_down()).await.unwrap();
            assert_eq!((router.n_connections(), router.n_sessions()), (0, 0));
        }
        drop(silent);
    }
}
