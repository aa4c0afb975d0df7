//! What a login of the real program hands to the person's browser, whatever a server names and `BROWSER` says: one
//! argument that no shell acts on, or nothing (cases 22-24).

mod support;

use oauthserver::browser;
use oauthserver::{Endpoint, OAuthServer, Patch, Settings};
use serde_json::json;
use std::fs;
use support::{Running, Sandbox, serve, server, wait_for};

/// What a shell, cmd.exe or PowerShell would act on, and how it must be written.
const PAYLOADS: [(&str, &str); 9] = [
    ("|calc", "%7Ccalc"),
    ("`id`", "%60id%60"),
    ("$(id)", "%24%28id%29"),
    ("^", "%5E"),
    ("%PATH%", "%25PATH%25"),
    ("\"x\"", "%22x%22"),
    ("'x'", "%27x%27"),
    ("a%20b", "a%20b"),
    (";calc<x>", "%3Bcalc%3Cx%3E"),
];

/// A server with this authorization endpoint, and a sandbox whose browser writes down the number of its arguments
/// and each of them.
fn naming(endpoint: impl Fn(&OAuthServer) -> String) -> (OAuthServer, Sandbox) {
    let server = server(3600);
    let endpoint = endpoint(&server);
    server.reconfigure(|settings| {
        settings.server_metadata = Patch::new().set("authorization_endpoint", endpoint);
    });
    let sandbox = Sandbox::with(&server);
    recording(&sandbox);
    (server, sandbox)
}

/// The script `browser`, which writes down the number of its arguments, each of them, and that this was all.
fn recording(sandbox: &Sandbox) {
    let got = sandbox.home().join("got");
    sandbox.script("browser", &format!("printf '%s\\n' \"$#\" \"$@\" all > '{}'", got.display()));
}

/// What the browser got: the number of its arguments, and each.
fn got(sandbox: &Sandbox) -> Vec<String> {
    let path = sandbox.home().join("got");
    let text =
        wait_for("the browser", || fs::read_to_string(&path).ok().filter(|text| text.ends_with("\nall\n")));
    text.lines().filter(|line| *line != "all").map(str::to_owned).collect()
}

#[track_caller]
fn one_argument(sandbox: &Sandbox) -> String {
    let got = got(sandbox);
    assert_eq!((got.len(), got[0].as_str()), (2, "1"), "{got:?}");
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/:@+=&?%".contains(&byte);
    assert!(got[1].bytes().all(plain) && got[1].starts_with("http://"), "{got:?}");
    got[1].clone()
}

fn login(sandbox: &Sandbox) -> Running {
    sandbox.watch(&["login", "demo", "--timeout", "60"])
}

#[test]
fn case_22_a_server_that_names_a_command_gets_a_browser_with_one_encoded_argument() {
    for (payload, encoded) in PAYLOADS {
        let (server, sandbox) = naming(|server| format!("{}?x={payload}", server.authorization_endpoint()));
        let running = login(&sandbox);
        let url = one_argument(&sandbox);
        assert!(url.contains(&format!("?x={encoded}&")), "{payload}: {url}");
        running.says(&url);
        browser::visit(&url).unwrap();
        running.end().succeeds();
        let log = server.log();
        let asked = log.to(&Endpoint::Authorize);
        let named = payload.replace("%20", " ");
        assert_eq!(asked[0].query_value("x"), Some(&*named), "the server reads what it has named");
    }
}

#[test]
fn case_22_a_command_in_the_path_of_an_endpoint_is_one_encoded_argument() {
    for (payload, encoded) in PAYLOADS {
        let (server, sandbox) = naming(|server| format!("{}/p/{payload}/q", server.origin()));
        let running = login(&sandbox);
        let url = one_argument(&sandbox);
        assert!(url.starts_with(&format!("{}/p/{encoded}/q?", server.origin())), "{payload}: {url}");
        running.kill();
    }
}

#[test]
fn case_22_what_no_address_holds_is_refused_before_anything_opens() {
    for endpoint in
        ["http://127.0.0.1:1/a b", "http://127.0.0.1:1/x?a b", "http://$(id)/x", "http://127.0.0.1:1/x#|y"]
    {
        let (server, sandbox) = naming(|_| endpoint.to_owned());
        let refused = sandbox.run(&["login", "demo", "--timeout", "60"]).ends("untrusted_server", 5);
        assert!(!sandbox.home().join("got").exists(), "{endpoint}: {refused:?}");
        assert_eq!(server.token_requests().len(), 0, "{endpoint}");
    }
}

#[test]
fn case_23_an_address_or_host_that_begins_with_a_dash_opens_nothing() {
    for endpoint in ["-x", "--version", "-https://as.example/x", "https://-as.example/x", "https://--help/x"]
    {
        let (server, sandbox) = naming(|_| endpoint.to_owned());
        let refused = sandbox.run(&["login", "demo", "--timeout", "60"]).ends("untrusted_server", 5);
        assert!(!sandbox.home().join("got").exists(), "{endpoint}: {refused:?}");
        assert_eq!(server.token_requests().len(), 0, "{endpoint}");
    }
    let server = server(3600);
    let (url, token) = ("https://-as.example/x", server.token_endpoint());
    let sandbox = Sandbox::configured(&server, &json!({"authorizationUrl": url, "tokenUrl": token}));
    recording(&sandbox);
    let refused = sandbox.run(&["login", "demo", "--timeout", "60"]).ends("config_invalid", 2);
    assert!(refused.stderr.contains("authorizationUrl"), "{refused:?}");
    assert!(!sandbox.home().join("got").exists());
}

/// A sandbox in which no program of a browser is found but what `BROWSER` names.
fn without_browsers(server: &OAuthServer) -> Sandbox {
    let sandbox = Sandbox::with(server);
    let empty = sandbox.home().join("empty");
    fs::create_dir(&empty).unwrap();
    recording(&sandbox);
    let path = empty.display().to_string();
    sandbox.variable("PATH", &path)
}

/// The address as it stands on stderr for a person.
fn shown(running: &Running) -> String {
    wait_for("the address on stderr", || {
        running.said().lines().find(|line| line.starts_with("http://")).map(str::to_owned)
    })
}

#[test]
fn case_24_a_template_in_browser_gets_the_address_as_one_argument_wherever_it_stands() {
    let server = serve(Settings::default());
    for (template, before, after) in
        [("@", "", ""), ("@ %s", "", ""), ("@ --new %s --last", "--new", "--last"), ("/none:@ %s", "", "")]
    {
        let sandbox = without_browsers(&server);
        let program = sandbox.home().join("browser").display().to_string();
        let sandbox = sandbox.variable("BROWSER", &template.replace('@', &program));
        let running = login(&sandbox);
        let url = shown(&running);
        let words: Vec<&str> = [before, &url, after].into_iter().filter(|word| !word.is_empty()).collect();
        let expected = format!("{} {}", words.len(), words.join(" "));
        assert_eq!(got(&sandbox).join(" "), expected, "{template}");
        browser::visit(&url).unwrap();
        running.end().succeeds();
    }
}

#[test]
fn case_24_without_a_browser_that_works_the_address_is_shown_and_the_wait_goes_on() {
    let server = serve(Settings::default());
    for browser in ["/does/not/exist", "not-in-the-path %s", "/dev/null", "/", "", ":::", "%s", "@", "@ %s"] {
        let sandbox = without_browsers(&server);
        let failing = sandbox.script("failing", "exit 3").display().to_string();
        let sandbox = sandbox.variable("BROWSER", &browser.replace('@', &failing));
        let mut running = login(&sandbox);
        let url = shown(&running);
        if !browser.contains('@') {
            running.says("No browser was opened");
        }
        assert!(!running.has_ended(), "{browser}: {}", running.said());
        browser::visit(&url).unwrap();
        running.end().succeeds();
        assert!(!sandbox.home().join("got").exists(), "{browser}");
    }
}
