//! A service that proves itself with a private key, at oidc-provider.

use crate::oidc_provider::Provider;
use crate::sandbox::{NAME, Sandbox};
use crate::story::HOUR;
use serde_json::{Value, json};

/// A home whose server is the provider's, with this client and this key.
fn signer(provider: &Provider, client: &str, key: &str, more: &Value) -> Sandbox {
    let sandbox = Sandbox::new();
    let file = sandbox.home().join("key");
    std::fs::write(&file, key).unwrap();
    let mut oauth2 = json!({"grant": "client_credentials", "clientId": client, "privateKeyFile": file});
    oauth2.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let config = sandbox.home().join("config.json");
    let entry = json!({"url": provider.mcp(), "oauth2": oauth2});
    std::fs::write(&config, json!({"servers": {NAME: entry}}).to_string()).unwrap();
    sandbox.with(&[("MCP_CREDENTIAL_CONFIG", config.to_str().unwrap())])
}

#[test]
fn a_service_proves_itself_with_keys_of_both_kinds_and_in_every_form() {
    let provider = Provider::start(HOUR);
    for (client, key) in [
        ("service-ec", include_str!("../../src/jose/tests/keys/ec-sec1.pem")),
        ("service-ec", include_str!("../../src/jose/tests/keys/ec-pkcs8.pem")),
        ("service-rsa", include_str!("../../src/jose/tests/keys/rsa-pkcs1.pem")),
        ("service-rsa", include_str!("../../src/jose/tests/keys/rsa-pkcs8.pem")),
        ("service-rsa", include_str!("../../src/jose/tests/keys/rsa.jwk")),
    ] {
        let sandbox = signer(&provider, client, key, &json!({}));
        let answer = sandbox.get().succeeded();
        assert!(provider.opens(&answer.text("access_token")), "{client}");
        sandbox.refresh(&answer).succeeded();
    }
    let requests = provider.token_requests("client_credentials");
    assert_eq!(requests.len(), 10);
    assert!(requests.iter().all(|request| request["auth_style"] == "assertion"), "{requests:?}");
}

#[test]
fn a_key_id_that_is_registered_is_accepted_and_another_is_not() {
    let provider = Provider::start(HOUR);
    let key = include_str!("../../src/jose/tests/keys/ec-pkcs8.pem");
    signer(&provider, "service-ec", key, &json!({"privateKeyId": "ec-1"})).get().succeeded();
    let sandbox = signer(&provider, "service-ec", key, &json!({"privateKeyId": "ec-2"}));
    assert_eq!(sandbox.get().ended_with(6).error_code(), "invalid_client");
}

#[test]
fn a_key_that_is_not_registered_is_called_that() {
    let provider = Provider::start(HOUR);
    let other = include_str!("../../src/jose/tests/keys/ec-p256-other.pem");
    let refused = signer(&provider, "service-ec", other, &json!({})).get().ended_with(6);
    assert_eq!(refused.error_code(), "invalid_client");
    assert!(refused.stderr().contains("`privateKeyFile`"), "{}", refused.stderr());
}
