//! MCP enterprise-managed authorization: the identity provider vouches for a person (RFC 8693), and the
//! authorization server takes its word (RFC 7523). Two servers, two requests, no person.

mod support;

use oauthserver::{
    Audience, AuthMethod, Client, Document, Endpoint, Fault, Jwt, OAuthServer, Patch, Provider, Settings,
    Times, Trusted,
};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use support::{Ran, Sandbox, serve, wait_until_stale};

const KEY: &str = "the key of the identity provider";
const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// A company: its identity provider, and a server of somebody else that trusts it.
struct Company {
    idp: OAuthServer,
    server: OAuthServer,
}

impl Company {
    fn new(settings: Settings) -> Self {
        let idp = serve(Settings {
            clients: vec![Client::public("at-idp").grant_types(&[EXCHANGE])],
            documents: vec![Document::OidcInsert],
            ..Settings::default()
        });
        let client = Client::confidential("at-server", "s3cret-of-the-client").grant_types(&[BEARER]);
        let trusted = Trusted { issuer: idp.issuer(), key: KEY.to_owned() };
        let mut settings = Settings { clients: vec![client], trusted_issuers: vec![trusted], ..settings };
        settings.registration.enabled = false;
        let server = serve(settings);
        let audience = Audience {
            issuer: server.issuer(),
            resource: server.resource(),
            client_id: "at-server".to_owned(),
        };
        idp.reconfigure(|settings| {
            settings.identity_provider = Some(Provider { key: KEY.to_owned(), audiences: vec![audience] });
        });
        Self { idp, server }
    }

    /// The configuration of `demo`, but for `change`.
    fn sandbox(&self, change: &[(&str, Value)]) -> Sandbox {
        let mut oauth2 = json!({
            "grant": "enterprise_managed", "clientId": "at-server", "clientSecretEnv": "SECRET",
            "idpIssuer": self.idp.issuer(), "idpClientId": "at-idp", "idpIdTokenEnv": "ID_TOKEN",
        });
        for (key, value) in change {
            oauth2[*key] = value.clone();
        }
        Sandbox::configured(&self.server, &oauth2)
            .variable("SECRET", "s3cret-of-the-client")
            .variable("ID_TOKEN", &self.id_token(600).signed(KEY))
    }

    /// What the identity provider gave the person at the last login there.
    fn id_token(&self, lifetime: i64) -> Jwt {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        Jwt::new()
            .claim("iss", self.idp.issuer())
            .claim("sub", "ann")
            .claim("aud", "at-idp")
            .claim("exp", i64::try_from(now).unwrap() + lifetime)
    }

    /// How often each side was asked for a token.
    fn asked(&self) -> (usize, usize) {
        (self.idp.token_requests().len(), self.server.token_requests().len())
    }
}

fn renew(sandbox: &Sandbox) -> Ran {
    let held = sandbox.run(&["get", "demo"]).succeeds().text("generation");
    sandbox.run(&["refresh", "demo", "--rejected-generation", &held])
}

#[test]
fn the_id_token_becomes_an_id_jag_and_that_an_access_token() {
    let company =
        Company::new(Settings { scopes_supported: vec!["mcp:read".to_owned()], ..Settings::default() });
    let sandbox = company.sandbox(&[]);
    let first = sandbox.run(&["get", "demo"]).succeeds();
    assert_eq!((first.text("source").as_str(), first.stderr.as_str()), ("granted", ""));
    assert!(company.server.mcp_accepts(&first.text("access_token")));
    assert_eq!(sandbox.run(&["get", "demo"]).succeeds().text("source"), "cache");
    assert_eq!(company.asked(), (1, 1));
    let exchange = &company.idp.token_requests()[0];
    let sent = |name| exchange.form_value(name);
    assert_eq!((sent("grant_type"), sent("client_id")), (Some(EXCHANGE), Some("at-idp")));
    assert_eq!(sent("audience"), Some(company.server.issuer().as_str()));
    assert_eq!(sent("resource"), Some(company.server.resource().as_str()));
    assert_eq!(sent("scope"), Some("mcp:read"));
    let bearer = &company.server.token_requests()[0];
    assert_eq!(bearer.form_value("grant_type"), Some(BEARER));
    assert_eq!(bearer.form_value("client_secret"), Some("s3cret-of-the-client"));
    assert_ne!(
        bearer.form_value("assertion"),
        exchange.form_value("subject_token"),
        "the ID token stays at home"
    );
    assert_eq!(sandbox.opened(), [""; 0]);
}

#[test]
fn each_grant_asks_for_an_id_jag_of_its_own() {
    let company = Company::new(Settings { access_token_ttl: Duration::from_secs(1), ..Settings::default() });
    let sandbox = company.sandbox(&[]);
    for _ in 0..2 {
        let answer = sandbox.run(&["get", "demo"]).succeeds();
        assert_eq!(answer.text("source"), "granted");
        wait_until_stale(&answer.json());
    }
    let requests = company.server.token_requests();
    assert_ne!(requests[0].form_value("assertion"), requests[1].form_value("assertion"));
    assert_eq!((company.asked(), company.server.refreshes().len()), ((2, 2), 0));
}

#[test]
fn an_explicit_token_endpoint_of_the_provider_needs_no_metadata_of_it() {
    let company = Company::new(Settings::default());
    let given =
        [("idpTokenUrl", json!(company.idp.token_endpoint())), ("idpIssuer", json!("https://idp.example"))];
    company.sandbox(&given).run(&["get", "demo"]).succeeds();
    assert_eq!((company.idp.requests().len(), company.asked()), (1, (1, 1)));
}

#[test]
fn a_provider_that_wants_a_secret_gets_it() {
    let company = Company::new(Settings::default());
    company.idp.reconfigure(|settings| {
        settings.clients = vec![Client::confidential("at-idp", "idp-secret-1").grant_types(&[EXCHANGE])];
    });
    let refused = company.sandbox(&[]).run(&["get", "demo"]).fails("invalid_client", 6);
    assert!(refused.stderr.contains("`idpClientSecretFile`"), "{}", refused.stderr);
    let sandbox = company.sandbox(&[("idpClientSecretEnv", json!("IDP"))]).variable("IDP", "idp-secret-1");
    renew(&sandbox).succeeds();
    assert!(
        company
            .server
            .token_requests()
            .iter()
            .all(|one| one.form_value("client_secret") != Some("idp-secret-1"))
    );
}

#[test]
fn a_provider_is_shown_the_secret_in_the_way_that_its_metadata_or_the_configuration_says() {
    let header = Patch::new().set("token_endpoint_auth_methods_supported", json!(["client_secret_basic"]));
    let url = |company: &Company| ("idpTokenUrl", json!(company.idp.token_endpoint()));
    let style = |style: &str| ("idpAuthStyle", json!(style));
    // What is configured, whether its metadata lists HTTP Basic alone, and what is sent then.
    for (by_url, configured, listed, is_header) in [
        (false, None, true, true),
        (false, None, false, false),
        (false, Some("body"), true, false),
        (false, Some("header"), false, true),
        (true, None, true, false),
        (true, Some("header"), false, true),
    ] {
        let company = Company::new(Settings::default());
        let way = if is_header { AuthMethod::Basic } else { AuthMethod::Post };
        company.idp.reconfigure(|settings| {
            let mut client = Client::confidential("at-idp", "idp-secret-1").grant_types(&[EXCHANGE]);
            client.auth_methods = vec![way];
            settings.clients = vec![client];
            if listed {
                settings.server_metadata = header.clone();
            }
        });
        let mut change = vec![("idpClientSecretEnv", json!("IDP"))];
        change.extend(by_url.then(|| url(&company)));
        change.extend(configured.map(style));
        let sandbox = company.sandbox(&change).variable("IDP", "idp-secret-1");
        sandbox.run(&["get", "demo"]).succeeds();
        let exchange = &company.idp.token_requests()[0];
        let sent =
            (exchange.header("authorization").is_some(), exchange.form_value("client_secret").is_some());
        assert_eq!(sent, (is_header, !is_header), "{by_url} {configured:?} {listed}");
    }
}

#[test]
fn twenty_callers_share_one_exchange() {
    let company = Company::new(Settings::default());
    let sandbox = company.sandbox(&[]);
    for ran in sandbox.crowd(20, &["get", "demo"]) {
        ran.succeeds();
    }
    assert_eq!(company.asked(), (1, 1));
}

#[test]
fn an_id_token_that_is_not_accepted_is_told_and_the_server_is_not_asked() {
    let company = Company::new(Settings::default());
    for (token, word) in [
        (company.id_token(-60), "expired"),
        (company.id_token(600).claim("aud", "another-client"), "another client"),
    ] {
        let sandbox = company.sandbox(&[]).variable("ID_TOKEN", &token.signed(KEY));
        let refused = sandbox.run(&["get", "demo"]).fails("denied", 6);
        assert!(
            refused.stderr.contains(word) && refused.stderr.contains("`idpIdTokenFile`"),
            "{}",
            refused.stderr
        );
    }
    assert_eq!(company.asked(), (2, 0));
}

#[test]
fn a_provider_that_does_not_vouch_for_this_server_is_told_as_refusal() {
    let company = Company::new(Settings::default());
    company.idp.reconfigure(|settings| {
        settings.identity_provider.as_mut().unwrap().audiences.clear();
    });
    company.sandbox(&[]).run(&["get", "demo"]).fails("denied", 6);
    assert_eq!(company.asked(), (1, 0));
}

#[test]
fn an_answer_that_is_no_id_jag_goes_nowhere() {
    let company = Company::new(Settings::default());
    for patch in [
        Patch::new().set("token_type", "Bearer"),
        Patch::new().set("issued_token_type", "urn:ietf:params:oauth:token-type:access_token"),
        Patch::new().remove("issued_token_type"),
    ] {
        company.idp.reconfigure(|settings| settings.token_answer = patch);
        company.sandbox(&[]).run(&["get", "demo"]).fails("untrusted_server", 5);
    }
    assert_eq!(company.asked(), (3, 0));
}

#[test]
fn a_server_that_does_not_take_the_word_of_the_provider_is_told_apart() {
    let company = Company::new(Settings::default());
    company.server.reconfigure(|settings| settings.trusted_issuers[0].key = "another key".to_owned());
    let refused = company.sandbox(&[]).run(&["get", "demo"]).fails("denied", 6);
    assert!(refused.stderr.contains("identity provider of demo"), "{}", refused.stderr);
    assert_eq!(company.asked(), (1, 1));
}

#[test]
fn a_refusal_of_any_shape_is_final_at_both_ends() {
    let company = Company::new(Settings::default());
    let refusals = || {
        [
            Fault::status(400),
            Fault::html(401),
            Fault::json_error(400, "invalid_assertion"),
            Fault::json_error(403, "invalid_grant"),
        ]
    };
    let (mut asked_idp, mut asked_server) = (0, 0);
    for (end, key) in [(&company.idp, "`idpIdTokenFile`"), (&company.server, "identity provider of demo")] {
        for fault in refusals() {
            end.fault(Endpoint::Token, fault.clone(), Times::Always);
            let refused = company.sandbox(&[]).run(&["get", "demo", "--timeout", "60"]).fails("denied", 6);
            assert!(refused.stderr.contains(key), "{}", refused.stderr);
            end.clear_faults();
            asked_idp += 1;
            asked_server += usize::from(end.issuer() == company.server.issuer());
            assert_eq!(company.asked(), (asked_idp, asked_server), "{fault:?}");
        }
    }
}

#[test]
fn the_id_token_follows_no_redirect_and_an_endless_answer_is_cut_off() {
    let company = Company::new(Settings::default());
    let elsewhere = serve(Settings::default());
    for fault in [
        Fault::Redirect { code: 307, location: elsewhere.token_endpoint() },
        Fault::Endless,
        Fault::status(503),
    ] {
        let (code, exit) =
            if fault == Fault::Endless { ("untrusted_server", 5) } else { ("unavailable", 75) };
        company.idp.fault(Endpoint::Token, fault, Times::Always);
        company.sandbox(&[]).run(&["get", "demo"]).fails(code, exit);
        company.idp.clear_faults();
    }
    assert_eq!((elsewhere.requests().len(), company.server.token_requests().len()), (0, 0));
}

#[test]
fn metadata_of_the_provider_that_must_not_be_used_stops_the_exchange() {
    let company = Company::new(Settings::default());
    for (patch, word) in [
        (Patch::new().set("issuer", "https://evil.example"), "another issuer"),
        (Patch::new().set("token_endpoint", "javascript:alert(1)"), "token endpoint"),
        (Patch::new().set("token_endpoint", "http://idp.example/token"), "token endpoint"),
    ] {
        company.idp.reconfigure(|settings| settings.server_metadata = patch);
        let refused = company.sandbox(&[]).run(&["get", "demo"]).fails("untrusted_server", 5);
        assert!(
            refused.stderr.contains(word) && refused.stderr.contains("identity provider"),
            "{}",
            refused.stderr
        );
    }
    company.idp.reconfigure(|settings| settings.documents.clear());
    let refused = company.sandbox(&[]).run(&["get", "demo"]).fails("unavailable", 75);
    assert!(refused.stderr.contains("`idpTokenUrl`"), "{}", refused.stderr);
    assert_eq!(company.asked(), (0, 0));
}

#[test]
fn an_id_jag_is_nowhere_on_disk_and_in_no_log_case_52() {
    let company = Company::new(Settings::default());
    let sandbox = company.sandbox(&[]).variable("MCP_CREDENTIAL_LOG", "trace");
    let ran = renew(&sandbox).succeeds();
    let mut secrets: Vec<String> = company
        .server
        .token_requests()
        .iter()
        .map(|one| one.form_value("assertion").unwrap().to_owned())
        .collect();
    secrets.push(company.idp.token_requests()[0].form_value("subject_token").unwrap().to_owned());
    assert_eq!(secrets.len(), 3);
    for secret in &secrets {
        assert!(!ran.stderr.contains(secret) && !ran.stdout.contains(secret));
        for name in sandbox.files() {
            let bytes = std::fs::read(sandbox.state("oauth").join(&name)).unwrap();
            assert!(!String::from_utf8_lossy(&bytes).contains(secret.as_str()), "{name}");
        }
    }
    assert!(ran.stderr.contains("ID-JAG"), "it logs: {}", ran.stderr);
}
