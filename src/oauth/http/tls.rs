//! Why no TLS came about, in plain words, and what to do about it.
//!
//! Pure. It shows nothing of a certificate and no text of the TLS library: that is written for its developers.

use super::Transport;
use rustls::{CertificateError, Error, InvalidMessage};

/// What was in the way. `bundle`: what messages call the certificate authorities that are trusted besides those of the
/// system.
pub(super) fn barred(error: &Error, bundle: Option<&str>) -> Transport {
    let (reason, next) = match error {
        Error::InvalidCertificate(fault) => certificate(fault, bundle),
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => (
            "it does not speak TLS there",
            "check the port, or write http:// for a server of this machine that has none".to_owned(),
        ),
        Error::PeerIncompatible(_) => (
            "it speaks no TLS that is accepted here",
            "it must offer TLS 1.2 or 1.3 with a key exchange by elliptic curves".to_owned(),
        ),
        Error::AlertReceived(_) => (
            "it broke off TLS",
            "it must take TLS 1.2 or 1.3, for this host name, from a client without a certificate".to_owned(),
        ),
        _ => {
            ("no TLS could be set up with it", "check the port, and that it speaks TLS 1.2 or 1.3".to_owned())
        }
    };
    Transport::Barred { reason: reason.to_owned(), next }
}

fn certificate(fault: &CertificateError, bundle: Option<&str>) -> (&'static str, String) {
    use CertificateError as C;
    let (reason, next) = match fault {
        C::Expired | C::ExpiredContext { .. } => (
            "its TLS certificate has expired",
            "let the server have a new one, or set the clock of this machine",
        ),
        C::NotValidYet | C::NotValidYetContext { .. } => {
            ("its TLS certificate is not valid yet", "set the clock of this machine, or wait")
        }
        C::NotValidForName | C::NotValidForNameContext { .. } => (
            "its TLS certificate was issued for another host name",
            "write the host that it is for, or let the server have one whose subjectAltName is this host",
        ),
        C::UnknownIssuer => return unknown(bundle),
        C::Revoked => ("its TLS certificate has been revoked", "let the server have a new one"),
        // RFC 5280, section 4.2.1.3 and 4.2.1.12: what a certificate may be used for.
        C::InvalidPurpose | C::InvalidPurposeContext { .. } => NOT_FOR_SERVERS,
        // It is compared with the key of whatever authority has the name that it gives.
        C::BadSignature | C::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            return imposter(bundle);
        }
        C::UnsupportedSignatureAlgorithmContext { .. } => (
            "its TLS certificate, or one above it, is signed in a way that is not accepted here",
            "the keys must be ECDSA P-256 or P-384, Ed25519, or RSA from 2048 bits on, and the digest SHA-256 or longer",
        ),
        C::BadEncoding | C::UnhandledCriticalExtension => (
            "its TLS certificate cannot be read",
            "let the server have one of X.509 version 3 without unusual extensions",
        ),
        C::Other(other) => of_library(&other.0.to_string()),
        _ => UNKNOWN,
    };
    (reason, next.to_owned())
}

const UNKNOWN: (&str, &str) = (
    "its TLS certificate was not accepted",
    "ask whoever runs that server to check it, with the chain above it",
);

const NOT_FOR_SERVERS: (&str, &str) = (
    "its TLS certificate was not issued for servers",
    "let the server have one whose extendedKeyUsage, if it has any, contains serverAuth",
);

/// Kinds of fault that the library reports by a text alone.
fn of_library(text: &str) -> (&'static str, &'static str) {
    match text {
        "CaUsedAsEndEntity" => (
            "its TLS certificate is that of a certificate authority (CA:TRUE), which a server may not show, trusted or \
             not",
            "let the server have one with CA:FALSE (`openssl req -x509` makes one with `-addext \
             basicConstraints=critical,CA:FALSE`), and put that, or the authority that signed it, into the file of `defaults.caBundle`",
        ),
        "certificate had invalid extensions" => NOT_FOR_SERVERS,
        "UnsupportedCertVersion" => (
            "its TLS certificate is of an old version of X.509",
            "let the server have one of version 3, which has a subjectAltName",
        ),
        _ => UNKNOWN,
    }
}

fn imposter(bundle: Option<&str>) -> (&'static str, String) {
    let reason = "its TLS certificate, or one above it, is not signed with the key of the authority of that name that is \
                  trusted here";
    (reason, format!("{}; an older one of the same name has to go from there", unknown(bundle).1))
}

fn unknown(bundle: Option<&str>) -> (&'static str, String) {
    let reason = "its TLS certificate comes from an authority that is not trusted here";
    let own = "if it is one of your own, put its certificate (PEM) into";
    let next = match bundle {
        Some(bundle) => format!("{own} the file of {bundle} beside what is there"),
        None => format!(
            "{own} a file, and set `defaults.caBundle` of the configuration file or `SSL_CERT_FILE` to that"
        ),
    };
    (reason, next)
}
