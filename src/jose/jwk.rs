//! JSON Web Keys (RFC 7517; RFC 7518, section 6): a private one read, a public one shown.

use super::key::{Pair, p256, rsa};
use super::{Problem, base64url, sha256};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::rsa::{KeyPairComponents, PublicKeyComponents};
use ring::signature::RsaKeyPair;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

/// The public half of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublicJwk {
    /// A point on P-256.
    Ec {
        /// `x` in base64url.
        x: String,
        /// `y` in base64url.
        y: String,
    },
    /// An RSA key.
    Rsa {
        /// The modulus in base64url.
        n: String,
        /// The exponent in base64url.
        e: String,
    },
}

impl PublicJwk {
    /// From an uncompressed point: `4`, `x`, `y`.
    pub(super) fn of_point(point: &[u8]) -> Self {
        let (x, y) = point.get(1..).unwrap_or_default().split_at(point.len().saturating_sub(1) / 2);
        Self::Ec { x: base64url(x), y: base64url(y) }
    }

    /// From modulus and exponent.
    pub(super) fn of_rsa(n: &[u8], e: &[u8]) -> Self {
        Self::Rsa { n: base64url(n), e: base64url(e) }
    }

    /// The JWK, with the members that RFC 7638, section 3.2 asks for, in its order.
    #[must_use]
    pub fn to_value(&self) -> Value {
        match self {
            Self::Ec { x, y } => json!({"crv": "P-256", "kty": "EC", "x": x, "y": y}),
            Self::Rsa { n, e } => json!({"e": e, "kty": "RSA", "n": n}),
        }
    }

    /// The thumbprint with SHA-256 (RFC 7638, section 3).
    #[must_use]
    pub fn thumbprint(&self) -> String {
        sha256(self.to_value().to_string().as_bytes())
    }
}

/// A private JWK, and the `kid` that it names.
///
/// # Errors
/// What is wrong with it.
pub(super) fn read(text: &str) -> Result<(Pair, Option<String>), Problem> {
    let Ok(Value::Object(jwk)) = serde_json::from_str(text) else {
        return Err("begins like JSON, but is no JSON object; it must be PEM, or a private JWK");
    };
    let pair = match member(&jwk, "kty") {
        Some("EC") => ec(&jwk),
        Some("RSA") => rsa_key(&jwk),
        Some(_) => Err("holds a JWK whose `kty` is neither EC nor RSA; ES256 needs EC on P-256, RS256 RSA"),
        None if jwk.contains_key("keys") => Err("holds a set of keys; put the one private JWK in it alone"),
        None => Err("holds JSON that is no JWK: it has no `kty`"),
    }?;
    let meant = member(&jwk, "alg");
    if meant.is_some_and(|meant| meant != pair.algorithm().as_str()) {
        return Err("holds a JWK whose `alg` is not the one of ES256 and RS256 that fits its kind");
    }
    Ok((pair, member(&jwk, "kid").map(str::to_owned)))
}

fn ec(jwk: &Map<String, Value>) -> Result<Pair, Problem> {
    if member(jwk, "crv") != Some("P-256") {
        return Err("holds an EC key on another curve than P-256; ES256 needs P-256");
    }
    let private = private(jwk, "d")?;
    let (x, y) = (number(jwk, "x")?, number(jwk, "y")?);
    if x.len() != 32 || y.len() != 32 {
        return Err(INCOMPLETE);
    }
    p256(&private, &[&[4], x.as_slice(), y.as_slice()].concat())
}

fn rsa_key(jwk: &Map<String, Value>) -> Result<Pair, Problem> {
    let private = private(jwk, "d")?;
    let [n, e, p, q, d_p, d_q, q_inv] = ["n", "e", "p", "q", "dp", "dq", "qi"].map(|name| number(jwk, name));
    let (n, e, p, q, d_p, d_q, q_inv) = (n?, e?, p?, q?, d_p?, d_q?, q_inv?);
    let public_key = PublicKeyComponents { n: n.as_slice(), e: e.as_slice() };
    rsa(RsaKeyPair::from_components(&KeyPairComponents {
        public_key,
        d: private.as_slice(),
        p: p.as_slice(),
        q: q.as_slice(),
        dP: d_p.as_slice(),
        dQ: d_q.as_slice(),
        qInv: q_inv.as_slice(),
    }))
}

const INCOMPLETE: Problem = "holds a JWK that is incomplete or damaged";

fn member<'a>(jwk: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    jwk.get(name)?.as_str()
}

fn private(jwk: &Map<String, Value>, name: &str) -> Result<Zeroizing<Vec<u8>>, Problem> {
    if jwk.contains_key(name) {
        number(jwk, name)
    } else {
        Err("holds a public JWK; the private one, with `d`, is needed")
    }
}

fn number(jwk: &Map<String, Value>, name: &str) -> Result<Zeroizing<Vec<u8>>, Problem> {
    let text = member(jwk, name).ok_or(INCOMPLETE)?.trim_end_matches('=');
    BASE64_URL_SAFE_NO_PAD.decode(text).map(Zeroizing::new).map_err(|_| INCOMPLETE)
}
