//! The one choice of a crypto provider, and words for the day when TLS cannot be set up.
//!
//! A file of its own because both halves of this room need it before they can build a client.

use rustls::ClientConfig;
use rustls_platform_verifier::BuilderVerifierExt;

use super::{ClientError, failure};

/// Chooses ring as the crypto provider of this process. Later calls change nothing.
///
/// reqwest panics when it finds no provider, and rustls does when it finds two to choose from.
pub fn install_crypto_provider() {
    // An error only says that a provider has been installed already.
    let _already = rustls::crypto::ring::default_provider().install_default();
}

/// How connections are encrypted that may be HTTP/2: they trust whom the system trusts. Clones share the
/// certificates, which are many, and read them once.
///
/// # Errors
/// [`ClientError`] where the system has no CA certificates.
pub(super) fn config() -> Result<ClientConfig, ClientError> {
    let mut config = trust()?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// How connections are encrypted that are not HTTP: they trust whom the system trusts.
///
/// # Errors
/// [`ClientError`] where the system has no CA certificates.
pub fn trust() -> Result<ClientConfig, ClientError> {
    install_crypto_provider();
    let trusting = ClientConfig::builder().with_platform_verifier();
    let trusting = trusting.map_err(|error| impossible(&error.to_string()))?;
    Ok(trusting.with_no_client_auth())
}

/// What helps where no client could be built, which on Linux is nearly always for want of CA certificates.
const REMEDY: &str = "install CA certificates (package `ca-certificates`), or name a file of them with the variable \
                          SSL_CERT_FILE; a container needs them inside";

/// Says why no client could be built, in the words of the library that knows.
pub(super) fn explain(error: &reqwest::Error) -> ClientError {
    impossible(&failure::deepest(error))
}

fn impossible(cause: &str) -> ClientError {
    let cause = cause.strip_prefix("unexpected error: ").unwrap_or(cause);
    ClientError {
        what: format!("HTTPS is not possible here: {cause}"),
        remedy: REMEDY,
    }
}
