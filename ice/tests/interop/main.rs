//! The official Ice runtime as client and as server.
//!
//! `POLYSTORE_ICE_PYTHON` is a Python 3.10 with `omero-py` and ZeroC's wheel. Without it these
//! tests are skipped out loud, or fail when `POLYSTORE_REQUIRE` says so.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed test may panic")]

#[path = "../glacier2/host.rs"]
mod host;
mod kinds;
mod need;
#[path = "../it/neutral.rs"]
mod neutral;
#[path = "../it/random.rs"]
mod random;
mod router;
mod server;

use std::{
    path::PathBuf,
    process::{Command, Stdio},
    sync::Arc,
};

use ice::{
    codec::{decode, encode_exception},
    connection::{Acceptor, Adapter, Options, Reply, Servant, ServerTls},
    omero::{self, ServerError, ValidationException, api::IUpdate},
    value::{Exception, Graph},
    wire::{Call, Identity, Limits, ReplyBody},
};
use tokio::net::TcpListener;

/// The official runtime, or a test that is skipped.
pub(crate) fn python() -> Option<impl Fn() -> Command> {
    let python = std::env::var_os("POLYSTORE_ICE_PYTHON").map(PathBuf::from);
    let python = need::skip_without(
        python.filter(|python| python.is_file()),
        "ice-python",
        "POLYSTORE_ICE_PYTHON is not set to a Python 3.10 with omero-py",
    )?;
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/interop/official.py");
    Some(move || {
        let mut command = Command::new(&python);
        command.arg(&script).stderr(Stdio::inherit());
        command
    })
}

/// Gives back what it is to save, and deletes nothing.
struct Echo;

fn answer(call: &Call) -> ice::Result<ReplyBody> {
    let schema = omero::schema();
    let encoding = call.parameters.encoding()?;
    let Some(operation) = schema.operation("::omero::api::IUpdate", &call.operation) else {
        return Ok(ReplyBody::UnknownException(call.operation.clone()));
    };
    if !operation.mode.accepts(call.mode) {
        return Ok(ReplyBody::UnknownLocalException("unexpected operation mode".to_owned()));
    }
    let types: Vec<_> = operation.parameters.iter().map(|member| member.of).collect();
    let decoded = decode(schema, &types, &call.parameters, &Limits::default())?;
    let graph = &decoded.graph;
    Ok(match call.operation.as_str() {
        "saveAndReturnObject" => {
            let (object,) = IUpdate::SAVE_AND_RETURN_OBJECT.arguments(&decoded)?;
            ReplyBody::Ok(IUpdate::SAVE_AND_RETURN_OBJECT.reply(object, graph, encoding)?)
        }
        "saveAndReturnArray" => {
            let (objects,) = IUpdate::SAVE_AND_RETURN_ARRAY.arguments(&decoded)?;
            let objects = objects.iter().collect::<ice::Result<Vec<_>>>()?;
            ReplyBody::Ok(IUpdate::SAVE_AND_RETURN_ARRAY.reply(objects, graph, encoding)?)
        }
        "deleteObject" => {
            let exception = Exception::make::<ValidationException>(false)
                .with::<ServerError, _, _>(ServerError::MESSAGE, "not deleted");
            let content = encode_exception(schema, &exception, &Graph::new(), encoding)?;
            ReplyBody::UserException(content)
        }
        _ => {
            let Call { identity, facet, operation, .. } = call.clone();
            ReplyBody::OperationNotExist { identity, facet, operation }
        }
    })
}

impl Servant for Echo {
    fn dispatch(&self, call: Call) -> Reply<'_> {
        let body =
            answer(&call).unwrap_or_else(|error| ReplyBody::UnknownException(error.to_string()));
        Box::pin(std::future::ready(body))
    }
}

/// Files of a certificate and its key.
struct Certificate {
    _folder: tempfile::TempDir,
    certificate: PathBuf,
    key: PathBuf,
}

fn certificate() -> Certificate {
    let pair = rcgen::KeyPair::generate().unwrap();
    let made = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let made = made.self_signed(&pair).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("a.pem"), folder.path().join("a.key"));
    std::fs::write(&certificate, made.pem()).unwrap();
    std::fs::write(&key, pair.serialize_pem()).unwrap();
    Certificate { _folder: folder, certificate, key }
}

impl Certificate {
    fn tls(&self) -> ServerTls {
        ServerTls::from_files(&self.certificate, &self.key).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn official_client() {
    let Some(python) = python() else { return };
    let python = Arc::new(python);
    let identity = Identity::new("update", "test");
    let adapter = Adapter::new(omero::schema());
    adapter.add(identity, "::omero::api::IUpdate", Arc::new(Echo)).unwrap();
    let options = Options::default().with_servants(Arc::new(adapter));
    for (kind, encoding) in
        [("tcp", "1.1"), ("tcp", "1.0"), ("ssl", "1.1"), ("ws", "1.1"), ("wss", "1.1")]
    {
        let tls = kind.ends_with("ss") || kind == "ssl";
        let acceptor = Acceptor {
            options: options.clone(),
            tls: tls.then(|| certificate().tls()),
            websocket: kind.starts_with("ws"),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let serve = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let (_, connection) = acceptor.accept(stream).await.unwrap();
                    connection.run().await.unwrap();
                });
            }
        });
        let proxy = format!("test/update -e {encoding}:{kind} -h 127.0.0.1 -p {port}");
        let python = python.clone();
        let run = move || python().args(["client", &proxy, encoding]).output().unwrap();
        let output = tokio::task::spawn_blocking(run).await.unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.ends_with("ok\n"), "{kind} {encoding}: {text}");
        serve.abort();
    }
}
