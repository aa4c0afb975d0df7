//! Keys and signed JSON Web Tokens: what `private_key_jwt` and `DPoP` need of RFC 7515, 7517, 7518 and 7638.
//!
//! Owns reading a private key (PEM or JWK), its public half, and signing. Pure: no file, no request, no
//! configuration; a key comes in as text and a compact JWS goes out. Limits: ES256 and RS256 alone, RSA from
//! 2048 to 4096 bits; nothing is verified or decrypted here. A problem is half a sentence that never quotes
//! the key.

mod der;
pub mod dpop;
mod jwk;
mod key;
mod pem;
#[cfg(test)]
mod tests;

pub use jwk::PublicJwk;
pub use key::{Algorithm, SigningKey};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom, SystemRandom};

/// What is wrong, as the end of a sentence that begins with the place of the key.
pub type Problem = &'static str;

/// base64url without padding (RFC 7515, section 2).
#[must_use]
pub fn base64url(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// The SHA-256 of `bytes` in base64url.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    base64url(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref())
}

/// A `jti` that nobody has used before: 128 random bits (RFC 7519, section 4.1.7).
///
/// # Errors
/// When the system has no random bytes.
pub fn unique_id() -> Result<String, Problem> {
    let mut random = [0_u8; 16];
    SystemRandom::new().fill(&mut random).map_err(|_| NO_RANDOM)?;
    Ok(base64url(&random))
}

const NO_RANDOM: Problem = "cannot be used: the system has no random bytes";
