//! The one choice of a crypto provider, and words for the day when TLS cannot be set up.
//!
//! A file of its own because both halves of this room need it before they can build a client.

use super::failure;

/// Chooses ring as the crypto provider of this process. Later calls change nothing.
///
/// reqwest panics when it finds no provider, and rustls does when it finds two to choose from.
pub fn install_crypto_provider() {
    // An error only says that a provider has been installed already.
    let _already = rustls::crypto::ring::default_provider().install_default();
}

/// Says why no client could be built. On Linux the reason is nearly always that the system has no
/// CA certificates, which the library does not say in a way that helps.
pub(super) fn explain(error: &reqwest::Error) -> String {
    format!(
        "no HTTPS client can be built ({}); are CA certificates installed (package `ca-certificates`)?",
        failure::deepest(error)
    )
}
