//! The official Ice runtime as client and as server.
//!
//! `POLYSTORE_ICE_PYTHON` is a Python 3.10 with `omero-py` and ZeroC's wheel. Without it these
//! tests are skipped out loud, or fail when `POLYSTORE_REQUIRE` says so.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed test may panic")]

#[path = "../glacier2/host.rs"]
mod host;
mod need;
mod router;

use std::{
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Command, Stdio},
    sync::Arc,
};

use ice::{
    Error,
    codec::{decode, encode_exception},
    connection::{
        Acceptor, Adapter, Address, Options, Reply, Servant, ServerTls, Verification, connect,
    },
    omero::{
        self, RLong, RString, ServerError, ValidationException,
        api::IUpdate,
        model::{IObject, Plate, Well},
    },
    value::{Exception, Graph},
    wire::{Call, Compression, Encoding, Identity, Limits, Proxy, ReplyBody, Version},
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

#[tokio::test]
async fn official_server() {
    let Some(python) = python() else { return };
    let certificate = certificate();
    for kind in ["tcp", "ssl", "ws", "wss"] {
        let endpoints = format!("{kind} -h 127.0.0.1 -p 0");
        let mut server = python()
            .args(["server", &endpoints])
            .args([&certificate.certificate, &certificate.key])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let proxy: Proxy = line.trim().parse().unwrap();
        let address = Address::try_from(&proxy.endpoints[0]).unwrap();
        for (version, compression) in [
            (Encoding::V1_1, Compression::Never),
            (Encoding::V1_0, Compression::Never),
            (Encoding::V1_1, Compression::Bzip2),
        ] {
            let proxy = Proxy { encoding: Version::from(version), ..proxy.clone() };
            let options = Options::default()
                .with_verification(Verification::CaFile(certificate.certificate.clone()))
                .with_compression(compression);
            let (client, connection) = connect(&address, options).await.unwrap();
            let running = tokio::spawn(connection.run());
            let context = vec![("omero.client.uuid".to_owned(), "x".to_owned())];

            let mut graph = Graph::new();
            let name = graph.make::<RString>().with(RString::VAL, "µ").done();
            let id = graph.make::<RLong>().with(RLong::VAL, 1 << 40).done();
            let plate = graph.make::<Plate>().with(Plate::NAME, Some(name));
            let plate = plate.with(IObject::ID, Some(id)).with(IObject::LOADED, true).done();
            let well = graph.make::<Well>().with(Well::PLATE, Some(plate)).done();
            let plate = graph.edit(plate).unwrap().with(Plate::WELLS_SEQ, vec![Some(well)]);
            let plate = plate.with(Plate::WELLS_LOADED, true).done();
            let call = IUpdate::save_and_return_object(Some(plate.as_base()));
            let answer = client
                .invoke(&proxy, call.with_graph(graph.clone()), context.clone())
                .await
                .unwrap();
            let plate = answer.view(answer.get().unwrap().unwrap()).unwrap();
            let plate = plate.cast::<Plate>().unwrap();
            let name = plate.follow(Plate::NAME).unwrap().unwrap();
            assert_eq!(name.get(RString::VAL), Ok("µ"));
            let wells = plate.get(Plate::WELLS_SEQ).unwrap();
            let well = answer.view(wells.get(0).unwrap().unwrap().unwrap()).unwrap();
            let back = well.follow(Well::PLATE).unwrap().unwrap();
            assert_eq!(back.reference(), plate.reference());

            let call = IUpdate::save_and_return_object(Some(ice::typed::Ref::new(
                ice::value::ObjectId(3),
            )));
            let error = client.invoke(&proxy, call.with_graph(graph), context).await.unwrap_err();
            assert!(matches!(error, Error::Exception(_)), "{error}");
            assert!(error.to_string().contains("wells are not saved"), "{error}");
            client.close().await;
            running.await.unwrap().unwrap();
        }
        drop(server.stdin.take());
        assert!(server.wait().unwrap().success());
    }
}
