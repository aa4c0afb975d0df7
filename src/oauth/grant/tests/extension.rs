//! The grants whose names are URIs.

use super::*;

const ASSERTION: &str = "assertion-CANARY.0123456789.sig";

fn assertion(of: Voucher) -> GrantRequest {
    GrantRequest::JwtBearer { assertion: Secret::new(ASSERTION), of }
}

fn exchange() -> GrantRequest {
    GrantRequest::TokenExchange { id_token: Secret::new(ASSERTION) }
}

fn id_jag(more: &Value) -> Value {
    let mut body = value!({
        "access_token": "jag.jag.sig",
        "issued_token_type": "urn:ietf:params:oauth:token-type:id-jag",
        "token_type": "N_A",
    });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// The form that a request sends, and its `Authorization`.
fn sent(change: impl Fn(&mut TokenRequest), grant: GrantRequest) -> (Vec<(String, String)>, Option<String>) {
    let server = Scripted::start(|_, _| json(400, &value!({"error": "invalid_request"})));
    let mut asked = asked(&server.url("/token"), grant);
    change(&mut asked);
    refused(request(testing::http(), &asked));
    let seen = server.seen();
    (seen[0].form(), seen[0].header("authorization").map(str::to_owned))
}

fn pairs<'a>(list: &[(&'a str, &'a str)]) -> Vec<(String, String)> {
    list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn an_assertion_is_sent_with_the_client_where_there_is_one() {
    let named = |client: &str| {
        let client = client.to_owned();
        move |asked: &mut TokenRequest| {
            asked.client.client_id.clone_from(&client);
            asked.scope = Some("a b".to_owned());
            asked.resource = Some("https://MCP.example.com".to_owned());
        }
    };
    let grant_type = ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer");
    let rest = [("assertion", ASSERTION), ("scope", "a b"), ("resource", "https://MCP.example.com")];
    let (form, header) = sent(named(""), assertion(Voucher::Workload));
    assert_eq!((form, header), (pairs(&[&[grant_type][..], &rest].concat()), None));
    let (form, _) = sent(named("me"), assertion(Voucher::Workload));
    assert_eq!(form, pairs(&[&[grant_type, ("client_id", "me")][..], &rest].concat()));
}

#[test]
fn a_confidential_client_authenticates_with_an_assertion_as_with_any_grant() {
    let (form, header) = sent(
        |asked| {
            asked.client.client_secret = Some(Secret::new("s"));
            asked.client.method = AuthMethod::ClientSecretBasic;
        },
        assertion(Voucher::IdentityProvider),
    );
    assert!(header.is_some_and(|value| value.starts_with("Basic ")));
    assert!(!form.iter().any(|(name, _)| name.starts_with("client_")), "{form:?}");
}

#[test]
fn an_exchange_says_what_it_gives_what_it_wants_and_for_whom() {
    let (form, _) = sent(
        |asked| {
            asked.audience = Some("https://as.example.com/".to_owned());
            asked.resource = Some("https://mcp.example.com/mcp".to_owned());
            asked.scope = Some("read".to_owned());
        },
        exchange(),
    );
    let expected = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("client_id", "my client"),
        ("requested_token_type", "urn:ietf:params:oauth:token-type:id-jag"),
        ("subject_token", ASSERTION),
        ("subject_token_type", "urn:ietf:params:oauth:token-type:id_token"),
        ("scope", "read"),
        ("resource", "https://mcp.example.com/mcp"),
        ("audience", "https://as.example.com/"),
    ];
    assert_eq!(form, pairs(&expected));
}

#[test]
fn an_exchange_gives_an_id_jag_or_nothing() {
    for spelling in ["N_A", "n_a"] {
        let answer =
            granted(answer_to(exchange(), move |_, _| json(200, &id_jag(&value!({"token_type": spelling})))));
        assert_eq!(answer.access_token.expose(), "jag.jag.sig");
    }
    for (more, word) in [
        (value!({"token_type": "Bearer"}), "`token_type`"),
        (value!({"token_type": null}), "`token_type`"),
        (
            value!({"issued_token_type": "urn:ietf:params:oauth:token-type:access_token"}),
            "`issued_token_type`",
        ),
        (value!({"issued_token_type": null}), "`issued_token_type`"),
        (value!({"access_token": ""}), "`access_token`"),
    ] {
        let failure = refused(answer_to(exchange(), move |_, _| json(200, &id_jag(&more))));
        assert_eq!(failure.code, Code::UntrustedServer);
        assert!(failure.message.contains(word), "{failure}");
    }
    // And no other grant takes one for an access token.
    let answer = answer_to(assertion(Voucher::Workload), |_, _| json(200, &id_jag(&value!({}))));
    assert_eq!(refused(answer).code, Code::UntrustedServer);
}

#[test]
fn what_an_assertion_gives_has_no_refresh_token_case_52() {
    for of in [Voucher::Workload, Voucher::IdentityProvider] {
        let answer =
            answer_to(assertion(of), |_, _| json(200, &token(value!({"refresh_token": "nobody-asked"}))));
        assert_eq!(granted(answer).refresh_token, None);
    }
}

#[test]
fn a_refused_assertion_is_final_kills_nothing_and_names_the_keys() {
    let cases = [
        (assertion(Voucher::Workload), "`assertionFile`"),
        (assertion(Voucher::IdentityProvider), "identity provider of demo"),
        (exchange(), "`idpIdTokenFile`"),
    ];
    for (grant, key) in cases {
        let failure = refused(answer_to(grant.clone(), |_, _| {
            json(400, &value!({"error": "invalid_grant", "error_description": "expired"}))
        }));
        assert_eq!((failure.code, failure.server.as_deref()), (Code::Denied, Some("demo")));
        assert!(failure.message.contains(key) && failure.message.contains("expired"), "{failure}");
        assert!(!failure.message.contains("mcp-credential login"), "{failure}");
        let echo = refused(answer_to(grant, |_, seen| {
            let sent = seen.param("assertion").or_else(|| seen.param("subject_token"));
            json(400, &value!({"error": "invalid_grant", "error_description": sent}))
        }));
        assert!(!echo.message.contains("CANARY"), "{echo}");
    }
}

#[test]
fn a_server_that_wants_a_client_where_none_is_configured_is_told_as_that() {
    let server = Scripted::start(|_, _| json(401, &value!({"error": "invalid_client"})));
    let mut asked = asked(&server.url("/token"), assertion(Voucher::Workload));
    asked.client.client_id.clear();
    let failure = refused(request(testing::http(), &asked));
    assert_eq!(failure.code, Code::InvalidClient);
    assert!(failure.message.contains("set `clientId`"), "{failure}");
}

#[test]
fn whatever_a_refusal_of_an_assertion_looks_like_it_is_final_and_a_429_or_a_fault_is_none() {
    for grant in [assertion(Voucher::Workload), assertion(Voucher::IdentityProvider), exchange()] {
        for status in [400, 401, 403, 404, 408, 422] {
            for body in
                ["", "<html>no</html>", "{\"error\":", "{\"error\":\"server_error\"}", "{\"error\":{}}"]
            {
                let answer = answer_to(grant.clone(), move |_, _| plain(status, "text/html", body));
                let failure = refused(answer);
                assert_eq!(failure.code, Code::Denied, "{status} {body}");
                assert!(failure.message.contains(&format!("HTTP {status}")), "{failure}");
            }
        }
        for status in [429, 500, 503] {
            transient(answer_to(grant.clone(), move |_, _| plain(status, "text/html", "")));
        }
    }
    transient(answer_to(GrantRequest::ClientCredentials, |_, _| plain(400, "text/html", "")));
}
