//! TLS: who is trusted, and what is said when nobody is.

use std::{fs, path::PathBuf};

use ice::{
    Error,
    connection::{Acceptor, Address, Options, Scheme, ServerTls, Verification, connect},
    wire::Mode,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{
    raw::listen,
    server::{Server, call, object},
};

struct Certificate {
    _folder: tempfile::TempDir,
    file: PathBuf,
    tls: ServerTls,
    fingerprint: Verification,
}

/// A certificate as `omero certificates` makes them: self-signed, for `localhost`, and of an
/// authority's kind.
fn certificate() -> Certificate {
    use sha2::Digest;
    let key = rcgen::KeyPair::generate().unwrap();
    let mut parameters = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    parameters.distinguished_name.push(rcgen::DnType::CommonName, "localhost");
    let made = parameters.self_signed(&key).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (file, key_file) = (folder.path().join("server.pem"), folder.path().join("server.key"));
    fs::write(&file, made.pem()).unwrap();
    fs::write(&key_file, key.serialize_pem()).unwrap();
    let tls = ServerTls::from_files(&file, &key_file).unwrap();
    let digits: String =
        sha2::Sha256::digest(made.der()).iter().map(|byte| format!("{byte:02x}")).collect();
    let fingerprint = Verification::fingerprint(&digits).unwrap();
    Certificate { _folder: folder, file, tls, fingerprint }
}

async fn server(scheme: Scheme, certificate: &Certificate) -> Server {
    let acceptor = Acceptor { tls: Some(certificate.tls.clone()), ..Acceptor::default() };
    Server::start(scheme, acceptor).await
}

async fn refused(address: &Address, verification: Verification) -> Error {
    let options = Options::default().with_verification(verification);
    connect(address, options).await.map(|_| ()).unwrap_err()
}

#[tokio::test]
async fn certificates_of_omero_are_trusted_when_they_are_given() {
    let certificate = certificate();
    for scheme in [Scheme::Ssl, Scheme::Wss] {
        let server = server(scheme, &certificate).await;
        for verification in [
            certificate.fingerprint.clone(),
            Verification::CaFile(certificate.file.clone()),
            Verification::Insecure,
        ] {
            let options = Options::default().with_verification(verification);
            let client = server.client(options).await;
            client.ping(&object()).await.unwrap();
            let bytes = vec![3; 3 << 20];
            let answer = client.call(call("echo", Mode::Normal, bytes.clone())).await.unwrap();
            assert!(answer.into_result().unwrap().content == bytes);
            client.close().await;
        }
    }
}

#[tokio::test]
async fn certificates_that_nobody_vouches_for_are_refused() {
    let (shown, other) = (certificate(), certificate());
    let server = server(Scheme::Ssl, &shown).await;
    let error = refused(&server.address, other.fingerprint.clone()).await.to_string();
    assert!(error.contains("has the fingerprint"), "{error}");
    let error = refused(&server.address, Verification::CaFile(other.file.clone())).await;
    assert!(error.to_string().contains("not trusted"), "{error}");
    let error = refused(&server.address, Verification::SystemRoots).await.to_string();
    assert!(
        error.contains("omero certificates") && error.contains("give its fingerprint"),
        "{error}"
    );
    let missing = Verification::CaFile(PathBuf::from("/nowhere/ca.pem"));
    let error = refused(&server.address, missing).await.to_string();
    assert!(error.contains("/nowhere/ca.pem"), "{error}");
}

#[tokio::test]
async fn servers_are_remembered_from_their_first_use() {
    let (first, second) = (certificate(), certificate());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("known");
    let trust = || Options::default().with_verification(Verification::FirstUse(file.clone()));
    let address = {
        let server = server(Scheme::Ssl, &first).await;
        for _ in 0..2 {
            server.client(trust()).await.ping(&object()).await.unwrap();
        }
        assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), 1);
        server.address.clone()
    };
    // Another one comes to the same place.
    let other = server(Scheme::Ssl, &second).await;
    let known = fs::read_to_string(&file).unwrap();
    let moved = known.replace(&address.port.to_string(), &other.address.port.to_string());
    fs::write(&file, moved).unwrap();
    let error = refused(&other.address, Verification::FirstUse(file.clone())).await;
    assert!(error.to_string().contains("its certificate has changed"), "{error}");
}

#[tokio::test]
async fn servers_without_usable_tls_are_explained() {
    let (listener, address) = listen().await;
    let address = Address { scheme: Scheme::Ssl, ..address };
    tokio::spawn(async move {
        for answer in [
            // An alert: none of the ciphers will do.
            &[0x15, 3, 3, 0, 2, 2, 40][..],
            // The first message of a server without TLS.
            b"IceP\x01\x00\x01\x00\x03\x00\x0e\x00\x00\x00",
        ] {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut hello = [0; 64];
            stream.read_exact(&mut hello).await.unwrap();
            stream.write_all(answer).await.unwrap();
            let _ = stream.read(&mut [0; 4096]).await;
        }
    });
    let error = refused(&address, Verification::Insecure).await.to_string();
    assert!(
        error.contains("anonymous Diffie-Hellman") && error.contains("omero certificates"),
        "{error}"
    );
    let error = refused(&address, Verification::Insecure).await.to_string();
    assert!(error.contains("is tcp:// meant?"), "{error}");
}

/// A file without certificates is told as that, on both sides.
#[tokio::test]
async fn files_without_certificates() {
    let certificate = certificate();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("empty.pem");
    let key = certificate._folder.path().join("server.key");
    for text in ["", "no PEM\n", &fs::read_to_string(&key).unwrap()] {
        fs::write(&file, text).unwrap();
        let server = ServerTls::from_files(&file, &key).unwrap_err();
        let running = self::server(Scheme::Ssl, &certificate).await;
        let client = refused(&running.address, Verification::CaFile(file.clone())).await;
        for error in [server, client] {
            let error = error.to_string();
            assert!(error.contains("has no certificate") && error.contains("empty.pem"), "{error}");
        }
    }
}
