//! A private key in PEM (RFC 7468): PKCS#8 (RFC 5958), SEC 1 (RFC 5915) and PKCS#1 (RFC 8017).
//!
//! Owns telling them apart and saying what a file holds that is none of them. Whatever stands around the key,
//! certificates and parameters included, is passed over.

use super::Problem;
use super::der::{self, Reader};
use super::key::{Pair, p256, rsa};
use ring::signature::RsaKeyPair;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;

const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const PRIME256V1: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];

const BROKEN: Problem = "holds a private key that is damaged";
const OTHER_KIND: Problem =
    "holds a key that is neither EC nor RSA; ES256 needs an EC key on P-256, RS256 an RSA key";
const OTHER_CURVE: Problem = "holds an EC key on another curve than P-256; ES256 needs P-256";

/// Marks of what is no usable private key, and what to say of it.
const STRANGERS: [(&str, Problem); 6] = [
    ("-----BEGIN ENCRYPTED PRIVATE KEY", "is encrypted; decrypt it with `openssl pkey -in FILE -out NEW`"),
    ("4,ENCRYPTED", "is encrypted; decrypt it with `openssl pkey -in FILE -out NEW`"),
    ("-----BEGIN OPENSSH", "holds a key of OpenSSH; convert it with `ssh-keygen -p -m PKCS8 -f COPY`"),
    ("-----BEGIN PUBLIC KEY", "holds a public key; the private one is needed"),
    ("-----BEGIN RSA PUBLIC KEY", "holds a public key; the private one is needed"),
    ("-----BEGIN CERTIFICATE", "holds a certificate alone; the private key is needed"),
];

/// The first private key of `text`.
///
/// # Errors
/// What is wrong with it.
pub(super) fn read(text: &str) -> Result<Pair, Problem> {
    match PrivateKeyDer::from_pem_slice(text.as_bytes()) {
        Ok(PrivateKeyDer::Pkcs8(_) | PrivateKeyDer::Sec1(_) | PrivateKeyDer::Pkcs1(_))
            if text.contains("4,ENCRYPTED") =>
        {
            Err(STRANGERS[1].1)
        }
        Ok(PrivateKeyDer::Pkcs8(key)) => pkcs8(key.secret_pkcs8_der()),
        Ok(PrivateKeyDer::Sec1(key)) => sec1(key.secret_sec1_der(), None),
        Ok(PrivateKeyDer::Pkcs1(key)) => rsa(RsaKeyPair::from_der(key.secret_pkcs1_der())),
        _ => Err(stranger(text)),
    }
}

fn stranger(text: &str) -> Problem {
    let known = STRANGERS.iter().find(|(mark, _)| text.contains(mark)).map(|(_, problem)| *problem);
    known.unwrap_or("holds no private key; it must be PEM, or a private JWK in JSON")
}

/// `OneAsymmetricKey` of RFC 5958, section 2.
pub(super) fn pkcs8(der: &[u8]) -> Result<Pair, Problem> {
    let mut key = Reader::new(der).enter(der::SEQUENCE).ok_or(BROKEN)?;
    key.take(der::INTEGER).ok_or(BROKEN)?;
    let mut algorithm = key.enter(der::SEQUENCE).ok_or(BROKEN)?;
    let inner = key.take(der::OCTET_STRING).ok_or(BROKEN)?;
    match algorithm.take(der::OBJECT_IDENTIFIER).ok_or(BROKEN)? {
        RSA_ENCRYPTION => rsa(RsaKeyPair::from_der(inner)),
        // Without a name the parameters are those of a curve that nobody has named.
        EC_PUBLIC_KEY => sec1(inner, Some(algorithm.take(der::OBJECT_IDENTIFIER).ok_or(OTHER_CURVE)?)),
        _ => Err(OTHER_KIND),
    }
}

/// `ECPrivateKey` of RFC 5915, section 3; `curve` is what stood around it.
fn sec1(der: &[u8], curve: Option<&[u8]>) -> Result<Pair, Problem> {
    let mut key = Reader::new(der).enter(der::SEQUENCE).ok_or(BROKEN)?;
    key.take(der::INTEGER).ok_or(BROKEN)?;
    let private = key.take(der::OCTET_STRING).ok_or(BROKEN)?;
    let own = key.enter(0xa0).map(|mut named| named.take(der::OBJECT_IDENTIFIER).ok_or(OTHER_CURVE));
    let curve = own.transpose()?.or(curve);
    if curve.is_some_and(|curve| curve != PRIME256V1) || private.len() > 32 {
        return Err(OTHER_CURVE);
    }
    let public = key.enter(0xa1).and_then(|mut public| public.take(der::BIT_STRING));
    match public {
        // The first byte counts unused bits.
        Some([0, point @ ..]) if point.first() == Some(&4) => p256(private, point),
        Some([0, ..]) => Err(
            "holds its public key in compressed form; write it anew with `openssl ec -in FILE -conv_form uncompressed -out NEW`",
        ),
        _ => Err("lacks its public key; write it anew with `openssl ec -in FILE -out NEW`"),
    }
}
