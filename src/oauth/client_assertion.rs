//! The assertion by which a client proves that it holds its private key: `private_key_jwt` (RFC 7523, sections
//! 2.2 and 3; `OpenID` Connect Core, section 9).
//!
//! Made anew for each request, because a server may accept its `jti` only once. Who chooses the method and
//! where the key lies is not known here.

use crate::clock;
use crate::config::AuthMethod;
use crate::failure::{Code, Failure, Outcome};
use crate::jose::{SigningKey, unique_id};
use crate::oauth::grant::Client;
use crate::secret::Secret;
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};

/// `client_assertion_type` of a JWT.
const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// How long an assertion is good for, in seconds: one request.
const LIFETIME: u64 = 60;

/// The key of a client, and whom it proves itself to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientKey {
    /// The private key, as PEM or JWK.
    #[serde(with = "crate::secret::wire")]
    pub text: Secret,
    /// `kid`, where one is known.
    pub id: Option<String>,
    /// `aud`: the issuer of the authorization server, or its token endpoint where the issuer is unknown.
    pub audience: String,
}

/// The form parameters that authenticate `client` by its key; none for the other methods.
///
/// # Errors
/// `config_invalid` where there is no key, or none that can sign.
pub(super) fn parameters(client: &Client) -> Outcome<Vec<(&'static str, Secret)>> {
    if client.method != AuthMethod::PrivateKeyJwt {
        return Ok(Vec::new());
    }
    let unusable = |why: &str| {
        Failure::new(Code::ConfigInvalid, format!("the private key {why}; check `privateKeyFile`"))
    };
    let key = client.key.as_ref().ok_or_else(|| unusable("is missing"))?;
    let assertion = assertion(&client.client_id, key, clock::now()).map_err(unusable)?;
    Ok(vec![("client_assertion_type", Secret::new(TYPE)), ("client_assertion", assertion)])
}

fn assertion(client_id: &str, key: &ClientKey, now: u64) -> Result<Secret, &'static str> {
    let signing = SigningKey::read(&key.text)?;
    let mut header = Map::new();
    header.insert("typ".to_owned(), "JWT".into());
    if let Some(id) = &key.id {
        header.insert("kid".to_owned(), id.as_str().into());
    }
    let claims = json!({
        "iss": client_id,
        "sub": client_id,
        "aud": key.audience,
        "jti": unique_id()?,
        "iat": now,
        "exp": now.saturating_add(LIFETIME),
    });
    signing.sign(header, &claims).map(Secret::new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;
    use serde_json::Value;

    fn key() -> ClientKey {
        let text = Secret::new(include_str!("../jose/tests/keys/ec-pkcs8.pem"));
        ClientKey { text, id: Some("k1".into()), audience: "https://idp.example.com".into() }
    }

    fn part(assertion: &Secret, index: usize) -> Value {
        let part = assertion.expose().split('.').nth(index).unwrap();
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    }

    #[test]
    fn an_assertion_says_who_asks_whom_and_for_how_long() {
        let made = assertion("my client", &key(), 1000).unwrap();
        assert_eq!(part(&made, 0), json!({"alg": "ES256", "typ": "JWT", "kid": "k1"}));
        let claims = part(&made, 1);
        assert_eq!((&claims["iss"], &claims["sub"]), (&json!("my client"), &json!("my client")));
        assert_eq!(claims["aud"], "https://idp.example.com");
        assert_eq!((&claims["iat"], &claims["exp"]), (&json!(1000), &json!(1060)));
    }

    #[test]
    fn no_assertion_is_used_twice() {
        let [one, two] = [(); 2].map(|()| part(&assertion("c", &key(), 1000).unwrap(), 1));
        assert_ne!(one["jti"], two["jti"]);
    }

    #[test]
    fn without_a_key_id_none_is_named() {
        let made = assertion("c", &ClientKey { id: None, ..key() }, 1000).unwrap();
        assert_eq!(part(&made, 0), json!({"alg": "ES256", "typ": "JWT"}));
    }

    #[test]
    fn a_key_that_cannot_sign_is_named_by_its_setting_and_never_shown() {
        let text = Secret::new("hunter2");
        let key = Some(ClientKey { text, ..key() });
        let method = AuthMethod::PrivateKeyJwt;
        let client = Client { client_id: "c".into(), client_secret: None, key, method, dynamic: false };
        let failure = parameters(&client).unwrap_err();
        assert_eq!(failure.code, Code::ConfigInvalid);
        assert!(failure.message.contains("privateKeyFile") && !failure.message.contains("hunter2"));
        let failure = parameters(&Client { key: None, ..client }).unwrap_err();
        assert!(failure.message.contains("is missing"), "{failure}");
    }
}
