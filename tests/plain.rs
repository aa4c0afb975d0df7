//! What a server says in its errors, wherever in a login it says it: one plain line of bounded length, which neither
//! acts on the terminal nor passes for words of this program (case 53).

mod support;

use oauthserver::{Client, Device, Endpoint, Fault, OAuthServer, Settings, Times, browser};
use serde_json::json;
use std::io::{Read, Write};
use std::net::TcpStream;
use support::pages::parameter;
use support::{PATIENCE, Ran, Sandbox, serve, server};
use url::{Url, form_urlencoded};

/// ANSI and OSC sequences, C1 codes, a bell, bidirectional marks, line ends, a NUL, and ten thousand characters.
fn hostile() -> String {
    let sequences = "\u{1b}[31m\u{1b}]0;title\u{7}\u{9b}2J\u{1b}]8;;http://evil.example\u{1b}\\";
    format!("no{sequences}\u{202e}way\u{2066}\r\nmcp-credential: ok\0{}", "x".repeat(10_000))
}

/// Plain, and no more of it than 200 characters on any line.
#[track_caller]
fn is_plain(ran: &Ran) {
    let acts = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    for line in ran.stderr.lines().chain(ran.stdout.lines()) {
        assert!(!line.contains(acts), "{line:?}");
        assert!(!line.contains(&"x".repeat(200)) && line.chars().count() < 1000, "{line:?}");
        assert!(!line.starts_with("mcp-credential: ok"), "{line:?}");
    }
}

/// A refusal with the hostile text in both of its members, or in the description alone.
fn refusals(status: u16) -> [Fault; 2] {
    let body = |error: &str| json!({"error": error, "error_description": hostile(), "error_uri": hostile()});
    ["invalid_request", &hostile()].map(|error| {
        Fault::body(status, "application/json", body(error).to_string()).header("X-Noise", "\u{9b}31m")
    })
}

/// Each refusal at `endpoint` makes `arguments` fail, plainly.
#[track_caller]
fn fails_plainly(server: &OAuthServer, sandbox: &Sandbox, endpoint: &Endpoint, arguments: &[&str]) {
    for status in [400, 401, 403, 500] {
        for refusal in refusals(status) {
            let before = server.log().faults_fired();
            server.fault(endpoint.clone(), refusal, Times::Always);
            sandbox.forget_browser();
            sandbox.forget_state();
            let ran = sandbox.person(arguments, browser::Decision::Approve);
            assert_ne!(ran.status, 0, "{ran:?}");
            assert!(server.log().faults_fired() > before, "{ran:?}");
            is_plain(&ran);
            server.clear_faults();
        }
    }
}

const LOGIN: [&str; 4] = ["login", "demo", "--timeout", "60"];

#[test]
fn case_53_a_refused_registration_is_told_plainly() {
    let server = server(3600);
    fails_plainly(&server, &Sandbox::with(&server), &Endpoint::Register, &LOGIN);
}

#[test]
fn case_53_a_refused_code_is_told_plainly() {
    let server = server(3600);
    fails_plainly(&server, &Sandbox::with(&server), &Endpoint::Token, &LOGIN);
}

#[test]
fn case_53_a_refused_login_on_another_device_is_told_plainly() {
    let server = serve(Settings { device: Some(Device::default()), ..Settings::default() });
    let arguments = [&LOGIN[..], &["--device"]].concat();
    fails_plainly(&server, &Sandbox::with(&server), &Endpoint::DeviceAuthorization, &arguments);
}

#[test]
fn case_53_a_refused_service_is_told_plainly() {
    let client = Client::confidential("service", "s3cret");
    let server = serve(Settings { clients: vec![client], ..Settings::default() });
    let oauth2 = json!({"grant": "client_credentials", "clientId": "service", "clientSecret": "s3cret"});
    let sandbox = Sandbox::configured(&server, &oauth2);
    fails_plainly(&server, &sandbox, &Endpoint::Token, &["get", "demo", "--timeout", "60"]);
}

#[test]
fn case_53_what_comes_back_with_the_browser_is_told_plainly_or_not_at_all() {
    let server = server(3600);
    // What a browser can carry: a head is read up to its limit alone.
    let long = hostile().chars().take(2000).collect::<String>();
    let other = "https://x.example".to_owned();
    // The name of another issuer is shown, and nothing else of its answer.
    for (issuer, code, status, is_shown) in [
        (server.issuer(), "denied", 6, true),
        (other, "untrusted_server", 5, false),
        (long.clone(), "untrusted_server", 5, true),
    ] {
        let sandbox = Sandbox::with(&server);
        let running = sandbox.watch(&LOGIN);
        let url = sandbox.asked_url();
        let redirect = Url::parse(&parameter(&url, "redirect_uri")).unwrap();
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("state", parameter(&url, "state")), ("iss", issuer)])
            .extend_pairs([("error", &long), ("error_description", &long)])
            .finish();
        let mut stream = TcpStream::connect(redirect.authority()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let authority = redirect.authority();
        let head = format!("GET {}?{query} HTTP/1.1\r\nHost: {authority}\r\n\r\n", redirect.path());
        stream.write_all(head.as_bytes()).unwrap();
        let mut page = String::new();
        stream.read_to_string(&mut page).unwrap();
        assert!(!page.contains("evil.example") && !page.contains("xxx"), "{page}");
        let ran = running.end().ends(code, status);
        is_plain(&ran);
        assert_eq!(ran.stderr.contains("no\\u{1b}"), is_shown, "{ran:?}");
    }
    assert_eq!(server.token_requests().len(), 0);
}

#[test]
fn case_53_a_hostile_challenge_is_told_plainly() {
    let server = server(3600);
    let sandbox = Sandbox::with(&server);
    let login = [&LOGIN[..], &["--log", "trace"]].concat();
    // A header field holds no line end and no NUL; with other control characters it ends the connection.
    let text: String = hostile().chars().filter(|c| !"\r\n\0\"\\".contains(*c)).take(4000).collect();
    let printable: String = text.chars().filter(|c| !c.is_ascii_control()).collect();
    let long = format!("https://evil.example/{}", "x".repeat(4000));
    let told = |text: &str| format!("Bearer error=\"{text}\", error_description=\"{text}\"");
    let named = |place: &str| format!("Bearer resource_metadata=\"{place}\"");
    for (challenge, code, status) in [
        (told(&text), "unavailable", 75),
        (named(&format!("https://{text}/")), "unavailable", 75),
        (told(&printable), "", 0),
        (named(&format!("https://{printable}/")), "untrusted_server", 5),
        (named(&long), "untrusted_server", 5),
    ] {
        server.reconfigure(|settings| settings.challenge.raw = Some(vec![challenge.clone()]));
        sandbox.forget_browser();
        let ran = sandbox.person(&login, browser::Decision::Approve);
        is_plain(&ran);
        let ran = if status == 0 { ran.succeeds() } else { ran.ends(code, status) };
        assert_eq!(ran.stderr.contains("https://evil.example/xxx"), challenge.contains(&long), "{ran:?}");
    }
}
