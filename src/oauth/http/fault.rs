//! What went wrong on the way, in plain words, and whether the request may have been received.
//!
//! Pure: it reads error chains. It never shows a URL, a header or a body.

use super::Reply;
use crate::text::one_line;
use rustls::{CertificateError, InvalidMessage};
use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};

/// Why no complete answer came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// The request did not leave: name resolution, connection, proxy or TLS failed. The text says why.
    NotSent(String),
    /// The request may have been received, and nobody knows whether it took effect. The text says why.
    Lost(String),
    /// An answer came, but its body is longer than was asked for; status and headers are here, the body
    /// is left out.
    TooLarge(Box<Reply>),
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSent(reason) | Self::Lost(reason) => f.write_str(reason),
            Self::TooLarge(reply) => write!(f, "its answer (HTTP {}) is too large to be read", reply.status),
        }
    }
}

impl Error for Transport {}

/// A URL that passed our own rules and still cannot be put into a request line.
pub(super) fn unusable_url() -> Transport {
    Transport::NotSent("its URL cannot be used in an HTTP request".to_owned())
}

/// Neither thread nor TLS could be set up.
pub(super) fn no_client() -> Transport {
    Transport::NotSent("the HTTP client cannot be set up on this machine".to_owned())
}

/// Tells a request that never left from one that may have been received.
pub(super) fn classify(error: &reqwest::Error) -> Transport {
    if error.is_builder() {
        return unusable_url();
    }
    if error.is_connect() {
        return Transport::NotSent(not_connected(error));
    }
    Transport::Lost(if error.is_timeout() {
        "no answer came in time".to_owned()
    } else {
        format!("the connection broke after the request went out ({})", deepest(error))
    })
}

/// Why reading a body ended early.
pub(super) fn broken_body(error: &io::Error) -> String {
    if chain(error)
        .any(|cause| kind(cause) == Some(ErrorKind::TimedOut) || cause.to_string() == "operation timed out")
    {
        return "the time was over before the whole answer had come".to_owned();
    }
    "the connection broke in the middle of the answer".to_owned()
}

fn not_connected(error: &reqwest::Error) -> String {
    if let Some(reason) = chain(error).find_map(|cause| cause.downcast_ref::<rustls::Error>()) {
        return tls(reason);
    }
    if error.is_dns() {
        return "its host name could not be resolved".to_owned();
    }
    if error.is_timeout() {
        return "no connection could be made in time".to_owned();
    }
    match chain(error).find_map(kind) {
        Some(ErrorKind::ConnectionRefused) => "it refused the connection".to_owned(),
        Some(ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable) => {
            "it cannot be reached from here".to_owned()
        }
        Some(ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) => {
            "it closed the connection before TLS was set up".to_owned()
        }
        _ => format!("no connection could be made ({})", deepest(error)),
    }
}

fn tls(error: &rustls::Error) -> String {
    use CertificateError as C;
    if let rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) = error {
        return "it does not speak TLS there: check the port, or write http:// for a server of this machine that has none"
            .to_owned();
    }
    let rustls::Error::InvalidCertificate(reason) = error else {
        return format!("TLS failed: {}", one_line(&error.to_string()));
    };
    let what = match reason {
        C::Expired | C::ExpiredContext { .. } => "has expired, or the clock of this machine is wrong",
        C::NotValidYet | C::NotValidYetContext { .. } => {
            "is not valid yet, or the clock of this machine is wrong"
        }
        C::NotValidForName | C::NotValidForNameContext { .. } => "was issued for another host name",
        C::UnknownIssuer => {
            "comes from an authority that is not trusted here (set caBundle if it is one of your own)"
        }
        C::Revoked => "has been revoked",
        _ => return format!("its TLS certificate was not accepted: {}", one_line(&error.to_string())),
    };
    format!("its TLS certificate {what}")
}

fn kind(error: &(dyn Error + 'static)) -> Option<ErrorKind> {
    error.downcast_ref::<io::Error>().map(io::Error::kind).filter(|kind| *kind != ErrorKind::Other)
}

/// The error and everything below it.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| below(*error))
}

/// `io::Error::source` passes over the error that it wraps, so that one is taken by hand.
fn below<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}

/// The innermost cause. Only the outermost error of the client ever names a URL.
fn deepest(error: &reqwest::Error) -> String {
    chain(error)
        .skip(1)
        .last()
        .map_or_else(|| "no reason is known".to_owned(), |cause| one_line(&cause.to_string()))
}
