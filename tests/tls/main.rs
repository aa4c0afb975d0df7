//! Servers behind TLS, through the real program: a certificate that is not to be trusted, and a public name whose
//! server points into this network. No test leaves loopback: the public name is reached by way of a proxy here.

mod front;
#[path = "../support/mod.rs"]
mod support;

use front::{Front, testdata};
use oauthserver::{Challenge, OAuthServer, Patch, Settings};
use serde_json::{Value, json};
use std::path::PathBuf;
use support::{Sandbox, serve};

/// A test server that does not name itself in its challenge.
fn reserved() -> OAuthServer {
    let challenge = Challenge { resource_metadata: false, ..Challenge::default() };
    serve(Settings { challenge, ..Settings::default() })
}

/// A sandbox in which `demo` is at `url`, with these members of `defaults` and of its own.
fn sandbox(url: &str, defaults: &Value, oauth2: &Value) -> Sandbox {
    let sandbox = Sandbox::new();
    configure(&sandbox, url, defaults, oauth2);
    sandbox
}

fn configure(sandbox: &Sandbox, url: &str, defaults: &Value, oauth2: &Value) {
    let demo = json!({"url": url, "oauth2": oauth2});
    sandbox.write_config(&json!({"defaults": defaults, "servers": {"demo": demo}}));
}

/// Nothing came through the door, and nobody was asked.
#[track_caller]
fn is_kept_out(server: &OAuthServer, sandbox: &Sandbox, reason: &str) {
    let ran = sandbox.run(&["login", "demo", "--timeout", "60"]).ends("unavailable", 75);
    assert!(ran.stderr.contains(reason), "{ran:?}");
    assert_eq!((sandbox.opened(), server.connections()), (vec![], 0), "{ran:?}");
}

#[test]
fn a_certificate_that_is_not_to_be_trusted_is_named_and_nothing_is_sent_case_20() {
    let server = reserved();
    let front = Front::before(&server, "server.pem", "server.key");
    let url = format!("https://127.0.0.1:{}/mcp", front.port());
    let none = json!({});
    is_kept_out(&server, &sandbox(&url, &none, &none), "authority that is not trusted");
    let foreign = json!({"caBundle": authority_of("public.pem")});
    is_kept_out(&server, &sandbox(&url, &foreign, &none), "authority that is not trusted");
    let own = json!({"caBundle": authority_of("server.pem")});
    let by_name = format!("https://localhost:{}/mcp", front.port());
    is_kept_out(&server, &sandbox(&by_name, &own, &none), "another host name");
    let expired = Front::before(&server, "expired.pem", "server.key");
    let url = format!("https://127.0.0.1:{}/mcp", expired.port());
    is_kept_out(&server, &sandbox(&url, &own, &none), "has expired");
}

/// The authority behind a certificate: it lies beside it.
fn authority_of(certificate: &str) -> PathBuf {
    testdata(certificate).with_file_name("authority.pem")
}

#[test]
fn with_the_authority_in_ca_bundle_a_login_and_its_refresh_go_over_tls_and_without_it_nothing_is_lost_case_20()
 {
    let server = reserved();
    let front = Front::before(&server, "server.pem", "server.key");
    let door = format!("https://127.0.0.1:{}", front.port());
    let url = format!("{door}/mcp");
    server.reconfigure(|settings| {
        settings.resource = Some(url.clone());
        settings.server_metadata = Patch::new().set("token_endpoint", format!("{door}/token"));
    });
    let (trusted, none) = (json!({"caBundle": authority_of("server.pem")}), json!({}));
    let sandbox = sandbox(&url, &trusted, &none);
    sandbox.login("demo").succeeds();
    sandbox.forget_browser();
    let first = sandbox.refresh().succeeds();
    assert!(server.mcp_accepts(&first.text("access_token")));
    configure(&sandbox, &url, &none, &none);
    let ran = sandbox.refresh().fails("unavailable", 75);
    assert!(ran.stderr.contains("authority that is not trusted"), "{ran:?}");
    assert_eq!((server.refreshes().len(), sandbox.leftovers()), (1, vec![]), "nothing was sent");
    configure(&sandbox, &url, &trusted, &none);
    sandbox.forget_state();
    let second = sandbox.refresh().succeeds();
    assert!(server.mcp_accepts(&second.text("access_token")));
    assert_eq!((server.refreshes().len(), server.reuses(), sandbox.opened()), (2, 0, vec![]));
}

/// What a public server must not name.
const INSIDE: [&str; 7] = [
    "https://10.0.0.1",
    "https://192.168.1.1",
    "https://169.254.169.254",
    "https://[fd00::1]",
    "https://metadata.google.internal",
    "https://printer.local",
    "https://localhost",
];

#[test]
fn a_public_server_that_names_a_host_of_this_network_is_not_trusted_case_15() {
    let server = reserved();
    let front = Front::before(&server, "public.pem", "public.key");
    let url = "https://mcp.example.com/mcp";
    let proxy = format!("http://127.0.0.1:{}", front.port());
    let defaults = json!({"proxy": proxy, "caBundle": authority_of("public.pem")});
    server.reconfigure(|settings| settings.resource = Some(url.to_owned()));
    let loopback = server.issuer();
    for named in INSIDE.into_iter().chain([loopback.as_str()]) {
        server.reconfigure(|settings| settings.authorization_servers = Some(vec![named.to_owned()]));
        let sandbox = sandbox(url, &defaults, &json!({}));
        let ran = sandbox.run(&["login", "demo", "--timeout", "60"]).ends("untrusted_server", 5);
        assert!(ran.stderr.contains(named) && ran.stderr.contains("--allow-private-host"), "{named} {ran:?}");
        assert_eq!((sandbox.opened(), server.registrations().len()), (vec![], 0), "{named}");
    }
    let allowed = json!({"allowPrivateHosts": ["127.0.0.1"]});
    let sandbox = sandbox(url, &defaults, &allowed);
    sandbox.login("demo").succeeds();
    let answer = sandbox.run(&["get", "demo"]).succeeds();
    assert!(server.mcp_accepts(&answer.text("access_token")), "what is allowed works");
}
