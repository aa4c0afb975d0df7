//! Keys as tools write them, examples of the RFCs, and signatures that a verifier accepts.

use super::dpop::{Target, proof};
use super::*;
use crate::secret::Secret;
use ring::signature::{ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::{Map, Value, json};
use url::Url;

macro_rules! sample {
    ($name:literal) => {
        Secret::new(include_str!(concat!("tests/keys/", $name)))
    };
}

fn decoded(part: &str) -> Vec<u8> {
    BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()
}

fn parts(jws: &str) -> (Value, Value) {
    let mut parts = jws.split('.').map(decoded);
    let mut next = || serde_json::from_slice(&parts.next().unwrap()).unwrap();
    (next(), next())
}

/// Whether the signature of `jws` is the key's, as another program would check it.
fn is_signed(jws: &str, key: &PublicJwk) -> bool {
    let (input, signature) = jws.rsplit_once('.').unwrap();
    let signature = decoded(signature);
    match key {
        PublicJwk::Ec { x, y } => {
            let point = [vec![4], decoded(x), decoded(y)].concat();
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(input.as_bytes(), &signature)
        }
        PublicJwk::Rsa { n, e } => ring::signature::RsaPublicKeyComponents { n: decoded(n), e: decoded(e) }
            .verify(&RSA_PKCS1_2048_8192_SHA256, input.as_bytes(), &signature),
    }
    .is_ok()
}

#[test]
fn a_key_is_the_same_in_every_form_that_tools_write_it_in() {
    for (forms, algorithm) in [
        ([sample!("ec-sec1.pem"), sample!("ec-pkcs8.pem"), sample!("ec.jwk")], Algorithm::Es256),
        ([sample!("rsa-pkcs1.pem"), sample!("rsa-pkcs8.pem"), sample!("rsa.jwk")], Algorithm::Rs256),
    ] {
        let keys = forms.map(|text| SigningKey::read(&text).unwrap());
        for key in &keys {
            assert_eq!(key.algorithm(), algorithm);
            assert_eq!(key.public(), keys[0].public());
            let jws = key.sign(Map::new(), &json!({"iss": "me"})).unwrap();
            assert!(is_signed(&jws, keys[0].public()), "{jws}");
        }
    }
}

#[test]
fn a_signature_is_that_of_its_own_key_and_text() {
    let (key, _) = SigningKey::generate().unwrap();
    let (other, _) = SigningKey::generate().unwrap();
    let jws = key.sign(Map::new(), &json!({"iss": "me"})).unwrap();
    assert!(is_signed(&jws, key.public()));
    assert!(!is_signed(&jws, other.public()));
    assert!(!is_signed(&format!("x{jws}"), key.public()));
}

#[test]
fn rs256_is_byte_for_byte_what_another_program_signs() {
    let key = SigningKey::read(&sample!("rsa.jwk")).unwrap();
    let header = Map::from_iter([("kid".to_owned(), json!("k"))]);
    let jws = key.sign(header, &json!({"iss": "me"})).unwrap();
    assert_eq!(jws, include_str!("tests/keys/rs256.jws").trim());
}

#[test]
fn a_jwk_tells_its_key_id() {
    assert_eq!(SigningKey::read(&sample!("ec.jwk")).unwrap().key_id(), Some("from-the-jwk"));
    assert_eq!(SigningKey::read(&sample!("rsa.jwk")).unwrap().key_id(), None);
}

#[test]
fn what_is_no_usable_private_key_is_told_apart() {
    let jwk = |text: &str| Secret::new(text);
    for (text, word) in [
        (sample!("ec-encrypted.pem"), "is encrypted"),
        (sample!("rsa-encrypted.pem"), "is encrypted"),
        (sample!("ec-p384.pem"), "another curve"),
        (sample!("ed25519.pem"), "neither EC nor RSA"),
        (sample!("ec-public.pem"), "public key"),
        (sample!("ec-without-public.pem"), "openssl ec -in FILE -out NEW"),
        (sample!("ec-compressed.pem"), "compressed"),
        (sample!("rsa-1024.pem"), "less than 2048 bits"),
        (Secret::new("hunter2"), "no private key"),
        (Secret::new(""), "no private key"),
        (jwk("{"), "no JSON object"),
        (jwk("{}"), "no `kty`"),
        (jwk(r#"{"keys":[]}"#), "a set of keys"),
        (jwk(r#"{"kty":"OKP","crv":"Ed25519","d":"AA"}"#), "neither EC nor RSA"),
        (jwk(r#"{"kty":"EC","crv":"P-384","d":"AA"}"#), "another curve"),
        (jwk(r#"{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}"#), "public JWK"),
        (jwk(r#"{"kty":"EC","crv":"P-256","d":"AA","x":"AA","y":"AA"}"#), "incomplete"),
        (jwk(r#"{"kty":"RSA","d":"AA","n":"!"}"#), "incomplete"),
        (jwk(&sample!("rsa.jwk").expose().replace("\"kty\"", "\"alg\":\"PS256\",\"kty\"")), "`alg`"),
    ] {
        let problem = SigningKey::read(&text).unwrap_err();
        assert!(problem.contains(word), "{word}: {problem}");
    }
}

#[test]
fn halves_of_two_keys_are_no_key() {
    let (other, _) = SigningKey::generate().unwrap();
    let mut jwk: Value = serde_json::from_str(sample!("ec.jwk").expose()).unwrap();
    for name in ["x", "y"] {
        jwk[name] = other.public().to_value()[name].clone();
    }
    let problem = SigningKey::read(&Secret::new(jwk.to_string())).unwrap_err();
    assert!(problem.contains("do not belong together"), "{problem}");
}

#[test]
fn a_cut_off_key_is_refused_wherever_it_ends() {
    let whole = sample!("ec.jwk");
    for end in (0..whole.expose().trim().len()).step_by(7) {
        assert!(SigningKey::read(&Secret::new(&whole.expose()[..end])).is_err());
    }
    let (_, stored) = SigningKey::generate().unwrap();
    for end in 0..stored.expose().len() {
        assert!(SigningKey::stored(&Secret::new(&stored.expose()[..end])).is_err(), "{end}");
    }
}

#[test]
fn a_generated_key_comes_back_from_its_text() {
    let (key, text) = SigningKey::generate().unwrap();
    assert_eq!(SigningKey::stored(&text).unwrap().public(), key.public());
    assert!(!format!("{key:?}").contains(&text.expose()[60..100]));
}

#[test]
fn thumbprints_are_those_of_the_rfcs() {
    // RFC 7638, section 3.1.
    let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
    let key = PublicJwk::Rsa { n: n.into(), e: "AQAB".into() };
    assert_eq!(key.thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    // RFC 9449, section 6.1.
    let key = PublicJwk::Ec {
        x: "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs".into(),
        y: "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA".into(),
    };
    assert_eq!(key.thumbprint(), "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
}

#[test]
fn a_proof_names_its_request_and_its_token() {
    let (key, _) = SigningKey::generate().unwrap();
    let url = Url::parse("https://u:p@Resource.example.org:443/protected%20resource?x=1#y").unwrap();
    // RFC 9449, section 4.3, figure 12.
    let token = Secret::new("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU");
    let target = Target { method: "GET", url: &url, nonce: Some("n-1") };
    let jws = proof(&key, target, Some(&token), 1_562_262_618).unwrap();
    let (header, claims) = parts(&jws);
    assert_eq!(header, json!({"alg": "ES256", "typ": "dpop+jwt", "jwk": key.public().to_value()}));
    assert_eq!(claims["htm"], "GET");
    assert_eq!(claims["htu"], "https://resource.example.org/protected%20resource");
    assert_eq!(claims["iat"], 1_562_262_618);
    assert_eq!(claims["nonce"], "n-1");
    assert_eq!(claims["ath"], "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo");
    assert!(is_signed(&jws, key.public()));
}

#[test]
fn no_two_proofs_have_the_same_name() {
    let (key, _) = SigningKey::generate().unwrap();
    let url = Url::parse("https://resource.example.org/").unwrap();
    let target = Target { method: "POST", url: &url, nonce: None };
    let made: Vec<Value> = (0..2).map(|_| parts(&proof(&key, target, None, 7).unwrap()).1).collect();
    assert_ne!(made[0]["jti"], made[1]["jti"]);
    assert!(made[0].get("ath").is_none() && made[0].get("nonce").is_none());
}
