//! What went wrong on the way, in plain words, and whether the request may have been received.
//!
//! Pure: it reads error chains. It never shows a URL, a header or a body.

use super::build::Names;
use super::{Reply, tls};
use crate::text::one_line;
use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};

/// Why no complete answer came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// The request did not leave: name resolution, connection, proxy or TLS failed. The text says why.
    NotSent(String),
    /// As [`NotSent`](Self::NotSent), where something that a person can mend was in the way. The texts say what, and
    /// what to do.
    Barred {
        /// What was in the way.
        reason: String,
        /// What to do.
        next: String,
    },
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
            Self::Barred { reason, next } => write!(f, "{reason}; {next}"),
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
pub(super) fn classify(error: &reqwest::Error, names: &Names) -> Transport {
    if error.is_builder() {
        return unusable_url();
    }
    if error.is_connect() {
        return not_connected(error, names);
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

fn not_connected(error: &reqwest::Error, names: &Names) -> Transport {
    if let (Some(source), Some(fault)) = (&names.proxy_source, chain(error).find(|cause| is_tunnel(*cause))) {
        let what = one_line(&names.proxy);
        let (reason, next) = at_proxy(fault, what.starts_with("https:"));
        return Transport::Barred {
            reason: format!("the proxy {what} {reason}"),
            next: format!("check {source}{next}"),
        };
    }
    if let Some(reason) = chain(error).find_map(|cause| cause.downcast_ref::<rustls::Error>()) {
        return tls::barred(reason, names.bundle.as_deref());
    }
    Transport::NotSent(if error.is_dns() {
        "its host name could not be resolved".to_owned()
    } else if error.is_timeout() {
        match &names.proxy_source {
            Some(source) => format!(
                "no connection could be made in time (the proxy {} is set by {source})",
                one_line(&names.proxy)
            ),
            None => "no connection could be made in time".to_owned(),
        }
    } else {
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
    })
}

/// Whether this is what the client reports when a proxy does not lead on. Its type cannot be named here; a test
/// with a proxy that is not there holds the text.
fn is_tunnel(error: &(dyn Error + 'static)) -> bool {
    error.to_string().starts_with("tunnel error: ")
}

/// What the proxy did, and what there is to check beside what set it.
fn at_proxy(error: &(dyn Error + 'static), over_tls: bool) -> (&'static str, &'static str) {
    let text = error.to_string();
    if text.ends_with("proxy authorization required") {
        return ("wants a user and a password, or others", ": http://USER:PASSWORD@HOST:PORT");
    }
    if text.ends_with("unsuccessful") {
        return ("did not lead to that server", ", and whether that proxy lets you reach it");
    }
    match chain(error).find_map(kind) {
        Some(ErrorKind::ConnectionRefused) => ("refused the connection", ", and whether that proxy runs"),
        _ if over_tls => ("cannot be spoken to over TLS", ": most proxies are written with http://"),
        Some(ErrorKind::TimedOut) => ("did not answer in time", ", and whether that proxy runs"),
        _ => ("could not be reached or did not answer as one", ", and whether that proxy runs"),
    }
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
