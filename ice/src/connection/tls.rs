//! TLS: whom a client trusts.

use std::{io, path::Path, sync::Arc};

use sha2::{Digest, Sha256};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError,
        OtherError, PeerIncompatible, RootCertStore, SignatureScheme,
        client::{
            WebPkiServerVerifier,
            danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        },
        crypto::{self, CryptoProvider},
        pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
    },
};

use super::{Address, Verification, known_hosts, stream::Stream};
use crate::{Error, Result};

/// The SHA-256 fingerprint of a certificate, in hexadecimal digits.
pub(super) fn fingerprint(certificate: &[u8]) -> String {
    hexadecimal(&Sha256::digest(certificate))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Another certificate than the one that was given.
#[derive(Debug, thiserror::Error)]
#[error("it has the fingerprint {shown}, and {given} was given")]
struct OtherPin {
    shown: String,
    given: String,
}

fn tls_error(address: &Address, problem: impl Into<String>) -> Error {
    let server = format!("{}:{}", address.host, address.port);
    Error::Tls { server, problem: problem.into() }
}

/// Speaks TLS on a connection, and verifies who is at the other end.
pub(super) async fn secure<S: Stream>(
    stream: S,
    address: &Address,
    verification: &Verification,
) -> Result<TlsStream<S>> {
    let name = ServerName::try_from(address.host.clone())
        .map_err(|_| tls_error(address, "this is no name that a certificate can have"))?;
    let config = config(address, verification)?;
    let connected = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    let stream = connected.map_err(|error| explained(address, verification, &error))?;
    if let Verification::FirstUse(file) = verification {
        // Nothing was sent yet.
        let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
        let shown = shown.ok_or_else(|| tls_error(address, "it shows no certificate"))?;
        known_hosts::check(file, address, &fingerprint(shown))?;
    }
    Ok(stream)
}

fn config(address: &Address, verification: &Verification) -> Result<ClientConfig> {
    let provider = Arc::new(crypto::ring::default_provider());
    let failed = |error: TlsError| tls_error(address, error.to_string());
    let trust = match verification {
        Verification::SystemRoots => {
            let found = rustls_native_certs::load_native_certs();
            let mut roots = RootCertStore::empty();
            let (n_roots, _) = roots.add_parsable_certificates(found.certs);
            if n_roots == 0 {
                let hint = "this machine has no authorities to trust: install ca-certificates, or \
                            give a file of authorities or a fingerprint";
                return Err(tls_error(address, hint));
            }
            Trust::Roots(web_pki(roots, &provider, address)?)
        }
        Verification::CaFile(file) => {
            let certificates = certificates(file)?;
            let mut roots = RootCertStore::empty();
            let (n_roots, _) = roots.add_parsable_certificates(certificates.iter().cloned());
            if n_roots == 0 {
                let problem = format!("{} has no certificate", file.display());
                return Err(tls_error(address, problem));
            }
            Trust::File { roots: web_pki(roots, &provider, address)?, certificates }
        }
        Verification::Fingerprint(pin) => Trust::Pin(*pin),
        Verification::FirstUse(_) | Verification::Insecure => Trust::Anybody,
    };
    let verifier = Arc::new(Verifier { trust, provider: provider.clone() });
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(failed)?;
    Ok(config.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}

fn web_pki(
    roots: RootCertStore,
    provider: &Arc<CryptoProvider>,
    address: &Address,
) -> Result<Arc<WebPkiServerVerifier>> {
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .build()
        .map_err(|error| tls_error(address, error.to_string()))
}

/// The certificates of a PEM file.
///
/// # Errors
/// `Io` when it cannot be read or is none.
pub(super) fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let failed = |problem: String| {
        Error::io("a file of certificates", format!("{}: {problem}", file.display()))
    };
    let found = CertificateDer::pem_file_iter(file).map_err(|error| failed(error.to_string()))?;
    let found = found.collect::<std::result::Result<Vec<_>, _>>();
    match found.map_err(|error| failed(error.to_string()))? {
        found if found.is_empty() => {
            Err(failed("it has no certificate, which begins with BEGIN CERTIFICATE".to_owned()))
        }
        found => Ok(found),
    }
}

/// Whom to trust.
#[derive(Debug)]
enum Trust {
    Roots(Arc<WebPkiServerVerifier>),
    File { roots: Arc<WebPkiServerVerifier>, certificates: Vec<CertificateDer<'static>> },
    Pin([u8; 32]),
    Anybody,
}

/// Verifies certificates. That the server has the key of the one that it shows is verified in
/// any case.
#[derive(Debug)]
struct Verifier {
    trust: Trust,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, TlsError> {
        let by = |roots: &WebPkiServerVerifier| {
            roots.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
        };
        match &self.trust {
            Trust::Anybody => Ok(ServerCertVerified::assertion()),
            Trust::Roots(roots) => by(roots),
            Trust::File { certificates, .. } if certificates.contains(end_entity) => {
                Ok(ServerCertVerified::assertion())
            }
            Trust::File { roots, .. } => by(roots),
            Trust::Pin(pin) if Sha256::digest(end_entity)[..] == pin[..] => {
                Ok(ServerCertVerified::assertion())
            }
            Trust::Pin(pin) => {
                let other = OtherPin { shown: fingerprint(end_entity), given: hexadecimal(pin) };
                let other = CertificateError::Other(OtherError(Arc::new(other)));
                Err(TlsError::InvalidCertificate(other))
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.provider.signature_verification_algorithms;
        crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.provider.signature_verification_algorithms;
        crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// What a failure means, and what to do.
fn explained(address: &Address, verification: &Verification, error: &io::Error) -> Error {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>());
    let old = "it speaks only TLS 1.0 or 1.1, which are broken: have an administrator update it and \
               run `omero certificates` there, or use tcp:// on a network that you trust";
    let problem = match inner {
        Some(TlsError::AlertReceived(AlertDescription::HandshakeFailure)) => {
            "it accepts none of the usual ciphers. OMERO servers set up before 2020 may offer \
             anonymous Diffie-Hellman only, which protects from nobody in between: have an \
             administrator run `omero certificates` there, or use tcp:// on a network that you trust"
                .to_owned()
        }
        Some(
            TlsError::AlertReceived(AlertDescription::ProtocolVersion)
            | TlsError::PeerIncompatible(
                PeerIncompatible::ServerDoesNotSupportTls12Or13
                | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
            ),
        ) => old.to_owned(),
        Some(TlsError::InvalidMessage(_)) => {
            let meant = if address.scheme.is_websocket() { "ws://" } else { "tcp://" };
            format!("what is there does not speak TLS ({error}); is {meant} meant?")
        }
        Some(TlsError::InvalidCertificate(problem)) => {
            let hint = certificate_hint(address, verification, problem);
            let problem = match problem {
                CertificateError::Other(other) => other.0.to_string(),
                problem => problem.to_string(),
            };
            format!("its certificate is not trusted: {problem}; {hint}")
        }
        None if error.kind() == io::ErrorKind::UnexpectedEof => {
            format!("it ended the connection instead of an answer ({error}); is this its port?")
        }
        _ => error.to_string(),
    };
    tls_error(address, problem)
}

/// What to do about a certificate that is not trusted.
fn certificate_hint(
    address: &Address,
    verification: &Verification,
    problem: &CertificateError,
) -> String {
    use CertificateError as Bad;
    let host = &address.host;
    match (problem, verification) {
        (Bad::NotValidForName | Bad::NotValidForNameContext { .. }, _) => format!(
            "use a name that it is for in place of {host}, or give its fingerprint if you know that \
             it is this server's"
        ),
        (Bad::Expired | Bad::ExpiredContext { .. }, _) => {
            "have an administrator renew it (`omero certificates`), and see that the clock of this \
             machine is right"
                .to_owned()
        }
        (Bad::NotValidYet | Bad::NotValidYetContext { .. }, _) => {
            "see that the clock of this machine is right".to_owned()
        }
        (_, Verification::Fingerprint(_)) => {
            "if its administrators say that it has a new certificate, give the new fingerprint; else \
             somebody may be in between"
                .to_owned()
        }
        (_, Verification::CaFile(file)) => format!(
            "neither it nor who has signed it is in {}: give the file that its administrators have, \
             or its fingerprint",
            file.display()
        ),
        _ => "as is usual with certificates of `omero certificates`: give its fingerprint, or trust \
              it on first use"
            .to_owned(),
    }
}
