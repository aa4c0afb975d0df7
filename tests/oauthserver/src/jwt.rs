//! Signed JSON Web Tokens as a server checks them: ES256 and RS256 alone (RFC 7515, RFC 7518).
//!
//! Owns the signature and the reading of the two JSON parts. What the claims must say is the caller's matter.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde_json::{Map, Value};

/// The two JSON parts of a compact JWS, and what was signed.
pub(crate) struct Jws<'a> {
    pub(crate) header: Map<String, Value>,
    pub(crate) claims: Map<String, Value>,
    input: &'a str,
    signature: Vec<u8>,
}

impl<'a> Jws<'a> {
    /// Takes `text` apart; nothing is believed yet.
    pub(crate) fn read(text: &'a str) -> Option<Self> {
        let (input, signature) = text.rsplit_once('.')?;
        let (header, claims) = input.split_once('.')?;
        Some(Self {
            header: object(header)?,
            claims: object(claims)?,
            input,
            signature: URL_SAFE_NO_PAD.decode(signature).ok()?,
        })
    }

    /// Whether the public JWK `key` verifies the signature, by the one algorithm that fits it.
    pub(crate) fn is_signed_by(&self, key: &Value) -> bool {
        self.verified(key).is_some()
    }

    fn verified(&self, key: &Value) -> Option<()> {
        let part = |name: &str| URL_SAFE_NO_PAD.decode(key.get(name)?.as_str()?).ok();
        let input = self.input.as_bytes();
        match (key.get("kty")?.as_str()?, self.header.get("alg")?.as_str()?) {
            ("EC", "ES256") if key.get("crv")? == "P-256" => {
                let point = [vec![4], part("x")?, part("y")?].concat();
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(input, &self.signature).ok()
            }
            ("RSA", "RS256") => RsaPublicKeyComponents { n: part("n")?, e: part("e")? }
                .verify(&RSA_PKCS1_2048_8192_SHA256, input, &self.signature)
                .ok(),
            _ => None,
        }
    }

    /// A claim that is a text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.claims.get(name)?.as_str()
    }

    /// A claim that is a number of seconds.
    pub(crate) fn seconds(&self, name: &str) -> Option<u64> {
        self.claims.get(name)?.as_u64()
    }
}

/// SHA-256 in base64url.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(ring::digest::digest(&ring::digest::SHA256, bytes))
}

fn object(part: &str) -> Option<Map<String, Value>> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}
