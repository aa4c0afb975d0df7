//! JSON Web Tokens as this server makes and reads them: HS256 (RFC 7515, RFC 7518, section 3.2) and no other.
//!
//! Owns the form and the signature. Whose key it is, and what a claim must say, is for the grants to judge.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde_json::{Map, Value, json};

/// A token before it is signed.
#[derive(Clone, Debug, PartialEq)]
pub struct Jwt {
    header: Map<String, Value>,
    claims: Map<String, Value>,
}

impl Jwt {
    /// A token without claims, of type `JWT`.
    #[must_use]
    pub fn new() -> Self {
        let header = [("alg".to_owned(), json!("HS256")), ("typ".to_owned(), json!("JWT"))];
        Self { header: header.into_iter().collect(), claims: Map::new() }
    }

    /// The same with another `typ`.
    #[must_use]
    pub fn typ(mut self, typ: &str) -> Self {
        self.header.insert("typ".to_owned(), typ.into());
        self
    }

    /// The same with that claim, in place of an earlier one of the name.
    #[must_use]
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    /// The compact form, signed with `key`.
    #[must_use]
    pub fn signed(&self, key: &str) -> String {
        let part =
            |members: &Map<String, Value>| URL_SAFE_NO_PAD.encode(Value::Object(members.clone()).to_string());
        let input = format!("{}.{}", part(&self.header), part(&self.claims));
        let signature = URL_SAFE_NO_PAD.encode(hmac(key.as_bytes(), input.as_bytes()));
        format!("{input}.{signature}")
    }

    /// The token of a compact form that was signed with `key`.
    pub(crate) fn verified(text: &str, key: &str) -> Option<Self> {
        let (input, signature) = text.rsplit_once('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        let token = Self::unverified(text)?;
        let signed = token.header.get("alg") == Some(&json!("HS256"));
        (signed && signature == hmac(key.as_bytes(), input.as_bytes())).then_some(token)
    }

    /// What a compact form says, whoever signed it.
    pub(crate) fn unverified(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let mut part = || serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts.next()?).ok()?).ok();
        Some(Self { header: part()?, claims: part()? })
    }

    /// A claim that is a text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.claims.get(name)?.as_str()
    }

    /// A claim that is a time, in UTC seconds.
    pub(crate) fn seconds(&self, name: &str) -> Option<u64> {
        self.claims.get(name)?.as_u64()
    }

    /// Whether `aud` is that, or a list that holds it (RFC 7519, section 4.1.3).
    pub(crate) fn is_for(&self, audience: &str) -> bool {
        match self.claims.get("aud") {
            Some(Value::Array(list)) => list.iter().any(|one| one.as_str() == Some(audience)),
            Some(one) => one.as_str() == Some(audience),
            None => false,
        }
    }

    /// Whether `typ` is that.
    pub(crate) fn is_typ(&self, typ: &str) -> bool {
        self.header.get("typ").and_then(Value::as_str) == Some(typ)
    }
}

impl Default for Jwt {
    fn default() -> Self {
        Self::new()
    }
}

fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use super::Jwt;

    #[test]
    fn a_token_is_read_back_with_its_own_key_alone() {
        let text = Jwt::new().claim("sub", "me").claim("aud", vec!["a", "b"]).signed("key");
        let token = Jwt::verified(&text, "key").unwrap();
        assert_eq!((token.text("sub"), token.is_for("b"), token.is_for("c")), (Some("me"), true, false));
        assert_eq!(Jwt::verified(&text, "other"), None);
        let (rest, signature) = text.rsplit_once('.').unwrap();
        assert_eq!(Jwt::verified(&format!("{rest}x.{signature}"), "key"), None);
        assert_eq!(Jwt::verified("no token", "key"), None);
    }
}
