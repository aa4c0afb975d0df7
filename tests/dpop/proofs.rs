//! The test server checks proofs for real: each one that is wrong is refused.

use super::*;

/// What the MCP endpoint says to `token` with this proof.
fn called(server: &OAuthServer, token: &str, proof: Option<&str>) -> (u16, String) {
    let authorization = format!("DPoP {token}");
    let mut headers = vec![("Authorization", authorization.as_str()), ("Content-Type", "application/json")];
    headers.extend(proof.map(|proof| ("DPoP", proof)));
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let page = browser::post(&server.mcp_url(), &headers, ping).unwrap();
    (page.status, page.header("www-authenticate").unwrap_or_default().to_owned())
}

#[test]
fn the_test_server_refuses_every_proof_that_is_wrong() {
    let server = server(REQUIRED);
    let endpoint = Url::parse(&server.token_endpoint()).unwrap();
    let mcp = Url::parse(&server.mcp_url()).unwrap();
    let (key, _) = SigningKey::generate().unwrap();
    let (other, _) = SigningKey::generate().unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let login = server.issue_refresh_family("public", "");
    let body = format!(
        "grant_type=refresh_token&client_id=public&refresh_token={}&resource={}",
        login.refresh_token,
        server.resource()
    );
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    server.reconfigure(|settings| settings.clients = vec![Client::public("public")]);
    let at = |url, method| Target { method, url, nonce: None };
    let first = proof(&key, at(&endpoint, "POST"), None, now).unwrap();
    let refresh = |proof: &str, body: &str| {
        browser::post(&server.token_endpoint(), &[form, ("DPoP", proof)], body).unwrap()
    };
    for (wrong, why) in [
        (proof(&key, at(&endpoint, "GET"), None, now).unwrap(), "another method"),
        (proof(&key, at(&mcp, "POST"), None, now).unwrap(), "another URL"),
        (proof(&key, at(&endpoint, "POST"), None, now - 3600).unwrap(), "too old"),
        (format!("{}x", &first[..first.len() - 1]), "another signature"),
        ("junk".to_owned(), "no JWS"),
    ] {
        assert_eq!(refresh(&wrong, &body).status, 400, "{why}");
    }
    let answer: Value = serde_json::from_str(&refresh(&first, &body).body).unwrap();
    assert_eq!(answer["token_type"], "DPoP");
    let token = Secret::new(answer["access_token"].as_str().unwrap());
    let next = body.replace(&login.refresh_token, answer["refresh_token"].as_str().unwrap());
    assert_eq!(refresh(&first, &next).status, 400, "a proof that comes twice");

    let good = proof(&key, at(&mcp, "POST"), Some(&token), now).unwrap();
    assert_eq!(called(&server, token.expose(), Some(&good)).0, 200);
    for (wrong, why) in [
        (Some(good), "a proof that comes twice"),
        (None, "no proof"),
        (Some(proof(&other, at(&mcp, "POST"), Some(&token), now).unwrap()), "another key"),
        (Some(proof(&key, at(&mcp, "POST"), None, now).unwrap()), "no ath"),
        (Some(proof(&key, at(&mcp, "POST"), Some(&Secret::new("other")), now).unwrap()), "another token"),
    ] {
        let (status, challenge) = called(&server, token.expose(), wrong.as_deref());
        assert_eq!((status, challenge.starts_with("DPoP ")), (401, true), "{why}: {challenge}");
    }
}
