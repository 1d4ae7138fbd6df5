//! What is said when a server is not what was expected: what was met, and what to do.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use ice::{
    Error,
    connection::{Acceptor, Address, Options, Scheme, ServerTls, Verification, connect},
};
use rcgen::{CertificateParams, Issuer, KeyPair};
use tokio::io::AsyncWriteExt;

use crate::{
    need::{program, skip_without},
    raw::listen,
    server::{Server, object},
};

/// An authority, and the file of its certificate.
struct Authority {
    file: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

fn authority(folder: &Path, name: &str) -> Authority {
    let key = KeyPair::generate().unwrap();
    let mut parameters = CertificateParams::new(Vec::new()).unwrap();
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    parameters.distinguished_name.push(rcgen::DnType::CommonName, name);
    let file = folder.join(format!("{name}.pem"));
    fs::write(&file, parameters.self_signed(&key).unwrap().pem()).unwrap();
    Authority { file, issuer: Issuer::new(parameters, key) }
}

impl Authority {
    /// A certificate for `localhost` that this authority has signed; the files of it and its key.
    fn signs(&self, folder: &Path, is_expired: bool) -> (PathBuf, PathBuf) {
        let key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        if is_expired {
            parameters.not_before = rcgen::date_time_ymd(2001, 1, 1);
            parameters.not_after = rcgen::date_time_ymd(2002, 1, 1);
        }
        let signed = parameters.signed_by(&key, &self.issuer).unwrap();
        let (file, key_file) = (folder.join("server.pem"), folder.join("server.key"));
        fs::write(&file, signed.pem()).unwrap();
        fs::write(&key_file, key.serialize_pem()).unwrap();
        (file, key_file)
    }
}

async fn server(scheme: Scheme, (certificate, key): (PathBuf, PathBuf)) -> Server {
    let tls = Some(ServerTls::from_files(&certificate, &key).unwrap());
    Server::start(scheme, Acceptor { tls, ..Acceptor::default() }).await
}

async fn refused(address: &Address, verification: Verification) -> Error {
    let options = Options::default()
        .with_verification(verification)
        .with_connect_timeout(Duration::from_secs(2));
    connect(address, options).await.map(|_| ()).unwrap_err()
}

fn tells(error: &Error, parts: &[&str]) {
    let text = error.to_string();
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in: {text}");
    }
}

#[tokio::test]
async fn certificates_that_an_authority_has_signed() {
    let folder = tempfile::tempdir().unwrap();
    let (good, other) = (authority(folder.path(), "good"), authority(folder.path(), "other"));
    let running = server(Scheme::Ssl, good.signs(folder.path(), false)).await;
    let by = |authority: &Authority| Verification::CaFile(authority.file.clone());
    let named = Address { host: "localhost".to_owned(), ..running.address.clone() };
    let options = Options::default().with_verification(by(&good));
    let (client, connection) = connect(&named, options).await.unwrap();
    tokio::spawn(connection.run());
    client.ping(&object()).await.unwrap();
    // Another name of the same server.
    let error = refused(&running.address, by(&good)).await;
    assert!(matches!(error, Error::Tls { .. }), "{error}");
    tells(&error, &["127.0.0.1", "localhost", "use a name that it is for"]);
    // Another authority.
    let error = refused(&named, by(&other)).await;
    tells(&error, &["not trusted", &other.file.display().to_string(), "give the file"]);
    // The same by a fingerprint that is not its own.
    let pin = Verification::fingerprint(&"ab".repeat(32)).unwrap();
    let error = refused(&named, pin).await;
    tells(&error, &["has the fingerprint", &"ab".repeat(32), "give the new fingerprint"]);
    let old = server(Scheme::Ssl, good.signs(folder.path(), true)).await;
    let old = Address { host: "localhost".to_owned(), ..old.address.clone() };
    tells(&refused(&old, by(&good)).await, &["expired", "renew"]);
}

#[tokio::test]
async fn schemes_that_are_not_those_of_the_port() {
    let folder = tempfile::tempdir().unwrap();
    let files = authority(folder.path(), "good").signs(folder.path(), false);
    let ssl = server(Scheme::Ssl, files.clone()).await;
    let wss = server(Scheme::Wss, files).await;
    let tcp = Server::plain().await;
    let ws = Server::start(Scheme::Ws, Acceptor::default()).await;
    for (server, scheme, parts) in [
        (&ssl, Scheme::Tcp, &["is ssl:// meant", "did not come within"][..]),
        (&ws, Scheme::Tcp, &["ws://", "did not come within"]),
        (&tcp, Scheme::Ssl, &["does not speak TLS", "is tcp:// meant"]),
        (&wss, Scheme::Ssl, &["is wss:// meant", "did not come within"]),
        (&tcp, Scheme::Ws, &["speaks no WebSocket", "tcp://"]),
        (&ssl, Scheme::Ws, &["speaks no WebSocket", "wss://"]),
        (&ssl, Scheme::Wss, &["speaks no WebSocket", "ssl:// meant"]),
        (&tcp, Scheme::Wss, &["does not speak TLS", "is ws:// meant"]),
    ] {
        let address = Address { scheme, ..server.address.clone() };
        let error = refused(&address, Verification::Insecure).await;
        tells(&error, parts);
    }
}

#[tokio::test]
async fn what_is_met_by_its_first_bytes() {
    for (scheme, says, parts) in [
        // An alert of TLS, and what a web server says to what it does not understand.
        (Scheme::Tcp, &b"\x15\x03\x01\x00\x02\x02\x46       "[..], &["is ssl:// meant"][..]),
        (Scheme::Tcp, b"HTTP/1.1 400 Bad Request\r\n\r\n", &["ws:// or wss:// meant"]),
        (Scheme::Ws, b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", &["404", "path"]),
    ] {
        let (listener, address) = listen().await;
        let peer = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(says).await.unwrap();
            tokio::time::sleep(Duration::from_millis(500)).await;
        });
        let address = Address { scheme, ..address };
        tells(&refused(&address, Verification::Insecure).await, parts);
        peer.abort();
    }
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Servers of before 2020, as OpenSSL still makes them.
#[tokio::test]
async fn servers_of_old_versions_of_tls() {
    let found = program("openssl");
    let Some(openssl) = skip_without(found, "openssl", "openssl is not on the path") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = authority(folder.path(), "good").signs(folder.path(), false);
    let files = ["-cert", certificate.to_str().unwrap(), "-key", key.to_str().unwrap()];
    for (arguments, parts) in [
        (
            [&files[..], &["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"]].concat(),
            &["only TLS 1.0 or 1.1", "omero certificates"][..],
        ),
        (
            vec!["-nocert", "-tls1_2", "-cipher", "ADH:@SECLEVEL=0"],
            &["anonymous Diffie-Hellman", "omero certificates"],
        ),
    ] {
        let port = {
            let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            free.local_addr().unwrap().port()
        };
        let server = Command::new(&openssl)
            .args(["s_server", "-quiet", "-accept", &format!("127.0.0.1:{port}")])
            .args(&arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let _server = Killed(server.unwrap());
        let address: Address = format!("ssl://127.0.0.1:{port}").parse().unwrap();
        let mut error = refused(&address, Verification::Insecure).await;
        for _ in 0..200 {
            // It has not begun to listen.
            if !matches!(error, Error::Io { .. }) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
            error = refused(&address, Verification::Insecure).await;
        }
        tells(&error, parts);
    }
}
