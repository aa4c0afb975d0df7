//! A key that signs: ES256 (RFC 7518, section 3.4) or RS256 (section 3.3).

use super::{NO_RANDOM, Problem, PublicJwk, base64url, jwk, pem};
use crate::secret::Secret;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;
use zeroize::Zeroizing;

/// A signature algorithm (RFC 7518, section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256.
    #[serde(rename = "ES256")]
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    #[serde(rename = "RS256")]
    Rs256,
}

impl Algorithm {
    /// The registered name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
        }
    }

    /// The algorithm of that registered name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        [Self::Es256, Self::Rs256].into_iter().find(|algorithm| algorithm.as_str() == name)
    }
}

/// A key pair of one of the two kinds.
pub(super) enum Pair {
    Ec(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

impl Pair {
    pub fn algorithm(&self) -> Algorithm {
        match self {
            Self::Ec(_) => Algorithm::Es256,
            Self::Rsa(_) => Algorithm::Rs256,
        }
    }

    fn public(&self) -> PublicJwk {
        match self {
            Self::Ec(pair) => PublicJwk::of_point(pair.public_key().as_ref()),
            Self::Rsa(pair) => {
                let public = PublicKeyComponents::<Vec<u8>>::from(pair.public());
                PublicJwk::of_rsa(&public.n, &public.e)
            }
        }
    }
}

/// The pair of a scalar and an uncompressed point on P-256, which must belong together.
///
/// # Errors
/// Where they do not.
pub(super) fn p256(private: &[u8], point: &[u8]) -> Result<Pair, Problem> {
    // Some writers leave leading zeros out.
    let mut scalar = Zeroizing::new([0_u8; 32]);
    let start =
        scalar.len().checked_sub(private.len()).ok_or("holds a private key that is too long for P-256")?;
    scalar[start..].copy_from_slice(private);
    let random = SystemRandom::new();
    let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
    EcdsaKeyPair::from_private_key_and_public_key(algorithm, &*scalar, point, &random)
        .map(Pair::Ec)
        .map_err(|_| "holds an EC key whose two halves do not belong together")
}

/// What the library made of an RSA key.
///
/// # Errors
/// Why it refused the key.
pub(super) fn rsa(read: Result<RsaKeyPair, ring::error::KeyRejected>) -> Result<Pair, Problem> {
    read.map(Pair::Rsa).map_err(|why| match why.to_string().as_str() {
        "TooSmall" => {
            "holds an RSA key of less than 2048 bits; RS256 needs at least 2048 (RFC 7518, section 3.3)"
        }
        "TooLarge" => "holds an RSA key of more than 4096 bits; use one of 2048 to 4096",
        _ => "holds an RSA key that is damaged",
    })
}

/// A private key that signs. `Debug` shows the public half alone.
pub struct SigningKey {
    pair: Pair,
    public: PublicJwk,
    key_id: Option<String>,
}

impl SigningKey {
    /// The private key that `text` holds, in PEM or as a JWK.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(text: &Secret) -> Result<Self, Problem> {
        let text = text.expose().trim();
        if text.starts_with('{') {
            let (pair, key_id) = jwk::read(text)?;
            return Ok(Self { key_id, ..Self::of(pair) });
        }
        pem::read(text).map(Self::of)
    }

    /// A new key for ES256, and the text that [`SigningKey::stored`] reads it from.
    ///
    /// # Errors
    /// When the system has no random bytes.
    pub fn generate() -> Result<(Self, Secret), Problem> {
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
        let made = made.map_err(|_| NO_RANDOM)?;
        Ok((pem::pkcs8(made.as_ref()).map(Self::of)?, Secret::new(base64url(made.as_ref()))))
    }

    /// A key that [`SigningKey::generate`] has made.
    ///
    /// # Errors
    /// Where it is something else.
    pub fn stored(text: &Secret) -> Result<Self, Problem> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text.expose()).map(Zeroizing::new);
        let bytes = bytes.map_err(|_| "is no key")?;
        pem::pkcs8(&bytes).map(Self::of)
    }

    fn of(pair: Pair) -> Self {
        let public = pair.public();
        Self { pair, public, key_id: None }
    }

    /// The one algorithm that fits the key.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.pair.algorithm()
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> &PublicJwk {
        &self.public
    }

    /// The `kid` of a JWK that names one.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// `claims` as a compact JWS (RFC 7515, section 7.1). `header` holds everything but `alg`.
    ///
    /// # Errors
    /// When the system has no random bytes.
    pub fn sign(&self, header: Map<String, Value>, claims: &Value) -> Result<String, Problem> {
        let mut whole = Map::new();
        whole.insert("alg".to_owned(), self.algorithm().as_str().into());
        whole.extend(header);
        let part = |value: &Value| base64url(value.to_string().as_bytes());
        let input = format!("{}.{}", part(&Value::Object(whole)), part(claims));
        let signature = self.signature(input.as_bytes())?;
        Ok(format!("{input}.{}", base64url(&signature)))
    }

    fn signature(&self, input: &[u8]) -> Result<Vec<u8>, Problem> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Ec(pair) => pair.sign(&random, input).map(|made| made.as_ref().to_vec()),
            Pair::Rsa(pair) => {
                let mut made = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, input, &mut made).map(|()| made)
            }
        }
        .map_err(|_| NO_RANDOM)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("public", &self.public).finish_non_exhaustive()
    }
}
