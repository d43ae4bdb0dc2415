//! The way to a broker: its address, within the same policy as every request's, and TLS.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::super::address::{ALLOWED_BY_OPTION, BlockedAddress, is_blocked};
use super::super::failure;
use super::super::{CONNECT_TIMEOUT, Reach, install_crypto_provider};
use super::{Broker, Trust};
use crate::model::{Failure, Secret};

/// What is asked about a broker that does not encrypt.
const NO_TLS: &str = "is it mqtt:// instead of mqtts://?";

/// A connection, encrypted or not.
pub(super) trait Line: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Line for T {}

/// Connects to a broker.
pub(super) async fn connect(broker: &Broker, reach: Reach) -> Result<Box<dyn Line>, Failure> {
    timeout(CONNECT_TIMEOUT, async {
        let stream = dial(broker, reach).await?;
        let Some(trust) = &broker.tls else {
            return Ok(Box::new(stream) as Box<dyn Line>);
        };
        let config = client_config(trust)?;
        let name = ServerName::try_from(broker.host.clone())
            .map_err(|error| Failure::Tls(error.to_string()))?;
        let encrypted = TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
            .map_err(|error| unencrypted(&error))?;
        Ok(Box::new(encrypted) as Box<dyn Line>)
    })
    .await
    .unwrap_or(Err(Failure::ConnectTimeout))
}

async fn dial(broker: &Broker, reach: Reach) -> Result<TcpStream, Failure> {
    let found: Vec<SocketAddr> = tokio::net::lookup_host((broker.host.as_str(), broker.port))
        .await
        .map_err(|_| Failure::Dns)?
        .collect();
    let mut last = Failure::Dns;
    for address in found {
        if reach == Reach::Guarded && is_blocked(address.ip()) {
            last = BlockedAddress(address.ip()).failure(ALLOWED_BY_OPTION);
            continue;
        }
        match TcpStream::connect(address).await {
            Ok(stream) => {
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(error) => last = classify(&error),
        }
    }
    Err(last)
}

fn client_config(trust: &Trust) -> Result<ClientConfig, Failure> {
    install_crypto_provider();
    let builder = ClientConfig::builder();
    let verified = match trust {
        Trust::System => builder
            .with_platform_verifier()
            .map_err(|error| Failure::Tls(error.to_string()))?,
        Trust::Only(pem) => builder.with_root_certificates(roots(pem).map_err(Failure::Tls)?),
    };
    Ok(verified.with_no_client_auth())
}

/// The certificates of a PEM text.
pub(super) fn roots(pem: &Secret) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.expose().as_bytes()) {
        let certificate = certificate.map_err(|error| error.to_string())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    if roots.is_empty() {
        return Err("there is no certificate in it".to_owned());
    }
    Ok(roots)
}

/// Which failure it is that no encrypted connection came about. A broker without TLS hangs up on what it
/// cannot read.
fn unencrypted(error: &io::Error) -> Failure {
    match classify(error) {
        Failure::Reset => Failure::Tls(format!("the broker hung up: {NO_TLS}")),
        other => other,
    }
}

/// Which failure an error of a connection stands for.
pub(super) fn classify(error: &io::Error) -> Failure {
    let tls = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    if let Some(tls) = tls {
        return failure::handshake(tls, NO_TLS);
    }
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Failure::Refused,
        io::ErrorKind::TimedOut => Failure::ConnectTimeout,
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::NotConnected
        | io::ErrorKind::UnexpectedEof => Failure::Reset,
        _ => Failure::Other(error.to_string()),
    }
}
