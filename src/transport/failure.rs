//! From the HTTP library's errors to our own closed set.
//!
//! A file of its own because requests and streams classify alike. The address of a request is never
//! part of what is said: it may hold a credential.

use std::error::Error;
use std::io;

use std::time::{Duration, SystemTime};

use httpdate::fmt_http_date;
use rustls::pki_types::UnixTime;
use rustls::{CertificateError, InvalidMessage};

use crate::model::Failure;

/// Longest text of a library that is kept, in characters.
const DETAIL_CHARS_MAX: usize = 200;

/// Which failure an error of the HTTP library stands for.
pub(super) fn classify(error: &reqwest::Error) -> Failure {
    if error.is_dns() {
        return Failure::Dns;
    }
    if let Some(tls) = causes(error).find_map(|cause| cause.downcast_ref::<rustls::Error>()) {
        return handshake(tls, "is it http:// instead of https://?");
    }
    if error.is_timeout() {
        return if error.is_connect() {
            Failure::ConnectTimeout
        } else {
            Failure::Timeout
        };
    }
    match io_kind(error) {
        Some(io::ErrorKind::ConnectionRefused) => Failure::Refused,
        Some(kind) if is_handshake(error, kind) => {
            Failure::Tls("the other side hung up".to_owned())
        }
        Some(
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::NotConnected
            | io::ErrorKind::UnexpectedEof,
        ) => Failure::Reset,
        _ if is_incomplete(error) => Failure::Reset,
        _ if is_no_http(error) => Failure::Other(no_http(error)),
        _ => Failure::Other(deepest(error)),
    }
}

/// Whether a body ended before its announced end.
pub(super) fn is_cut_short(error: &reqwest::Error) -> bool {
    io_kind(error) == Some(io::ErrorKind::UnexpectedEof)
}

/// The words of the innermost cause, which never hold the address.
pub(super) fn deepest(error: &reqwest::Error) -> String {
    let words = match causes(error).skip(1).last() {
        Some(cause) => cause.to_string(),
        None => "no further cause".to_owned(),
    };
    words.chars().take(DETAIL_CHARS_MAX).collect()
}

/// What went wrong while a connection was to be encrypted; `question` is asked where the other side does
/// not do that at all.
pub(super) fn handshake(error: &rustls::Error, question: &str) -> Failure {
    match error {
        rustls::Error::InvalidCertificate(reason) => Failure::Certificate(certificate(reason)),
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            Failure::Tls(format!("the address speaks no TLS: {question}"))
        }
        other => Failure::Tls(other.to_string()),
    }
}

/// What is wrong with a certificate, in words that say who has to do what about it.
fn certificate(reason: &CertificateError) -> String {
    let words = match reason {
        CertificateError::ExpiredContext { not_after, .. } => {
            format!("it expired on {}", date(*not_after))
        }
        CertificateError::NotValidYetContext { not_before, .. } => format!(
            "it is not valid before {}: is this machine's clock right?",
            date(*not_before)
        ),
        CertificateError::NotValidForNameContext { presented, .. } => match &presented[..] {
            [] => "it is for no host at all".to_owned(),
            names => format!("it is for another host: {}", hosts(names)),
        },
        CertificateError::UnknownIssuer => {
            "its issuer is not trusted here: it is self-signed, or of an authority that this system does not know"
                .to_owned()
        }
        CertificateError::Revoked => "it was revoked".to_owned(),
        other => other.to_string(),
    };
    words.chars().take(DETAIL_CHARS_MAX).collect()
}

/// The hosts that a certificate is for, without what the library puts around each.
fn hosts(names: &[String]) -> String {
    let bare = |name: &String| match name.split_once('"').and_then(|(_, it)| it.split_once('"')) {
        Some((bare, _)) => bare.to_owned(),
        None => name.clone(),
    };
    names.iter().map(bare).collect::<Vec<_>>().join(", ")
}

/// A day and a time, as certificates have them.
fn date(time: UnixTime) -> String {
    // What lies beyond the calendar of HTTP is not printed.
    const LAST: u64 = 253_402_300_799;
    fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(time.as_secs().min(LAST)))
}

/// Whether a connection broke while it was to be encrypted.
fn is_handshake(error: &reqwest::Error, kind: io::ErrorKind) -> bool {
    let is_https = error.url().is_some_and(|url| url.scheme() == "https");
    let is_broken = matches!(
        kind,
        io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
    );
    error.is_connect() && (kind == io::ErrorKind::UnexpectedEof || is_https && is_broken)
}

/// The kind of the innermost I/O error; those around it are often only `Other`.
fn io_kind(error: &reqwest::Error) -> Option<io::ErrorKind> {
    let kinds = causes(error).filter_map(|cause| cause.downcast_ref::<io::Error>());
    kinds.map(io::Error::kind).last()
}

fn is_incomplete(error: &reqwest::Error) -> bool {
    causes(error)
        .filter_map(|cause| cause.downcast_ref::<hyper::Error>())
        .any(hyper::Error::is_incomplete_message)
}

/// Whether an answer does not even begin as HTTP does. Which part of it could not be read the library says
/// in its words alone.
fn is_no_http(error: &reqwest::Error) -> bool {
    causes(error)
        .filter_map(|cause| cause.downcast_ref::<hyper::Error>())
        .any(|error| error.is_parse() && error.to_string().contains("version"))
}

/// A server that speaks TLS answers what is not with an alert, which is no HTTP. Of the address only the
/// scheme is looked at.
fn no_http(error: &reqwest::Error) -> String {
    let question = match error.url().map(url::Url::scheme) {
        Some("http") => ": is it https:// instead of http://, or another port?",
        _ => ": is it another port?",
    };
    format!("what answers speaks no HTTP{question}")
}

fn causes<'a>(error: &'a reqwest::Error) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let first: &'a (dyn Error + 'static) = error;
    std::iter::successors(Some(first), |cause| below(*cause))
}

/// The next cause down. An `io::Error` names the cause of what it wraps as its own and leaves out
/// what it wraps, which is where rustls puts its errors.
fn below<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref)
    {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}
