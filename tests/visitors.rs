//! A login of the real program, and whoever else comes to its listener before the browser does and after it:
//! each is turned away, and the one real answer makes one login (cases 27-34 and 38-40).
//!
//! Every socket has a time limit only so that a broken build fails instead of hanging.

mod support;

use oauthserver::browser::{self, Page};
use oauthserver::{Endpoint, Fault, OAuthServer, Times};
use std::io::{Read, Write};
use std::net::TcpStream;
use support::pages::parameter;
use support::{PATIENCE, Running, Sandbox, server};
use url::Url;

/// A login that waits for its browser.
struct Login {
    server: OAuthServer,
    sandbox: Sandbox,
    running: Running,
    /// The address that the browser was asked to open.
    url: String,
    /// Host and port of the listener.
    authority: String,
    /// `state` and `iss` as they must come back.
    state: String,
}

impl Login {
    fn start() -> Self {
        let server = server(3600);
        let sandbox = Sandbox::with(&server);
        let running = sandbox.watch(&["login", "demo", "--timeout", "60"]);
        let url = sandbox.asked_url();
        let redirect = Url::parse(&parameter(&url, "redirect_uri")).unwrap();
        let authority = redirect.authority().to_owned();
        let state = format!("{}&iss={}", parameter(&url, "state"), server.issuer());
        Self { server, sandbox, running, url, authority, state }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.authority).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    fn send(&self, text: &str) -> TcpStream {
        let mut stream = self.connect();
        stream.write_all(text.as_bytes()).unwrap();
        stream
    }

    /// A request with the right `Host` and further header lines, each with its line end.
    fn request(&self, line: &str, headers: &str) -> String {
        format!("{line} HTTP/1.1\r\nHost: {}\r\n{headers}\r\n", self.authority)
    }

    /// The request of `line`, in which `STATE` stands for the right one and the right issuer, gets `status`.
    #[track_caller]
    fn refuses(&self, line: &str, status: u16) {
        let line = line.replace("STATE", &self.state);
        is_answered(self.send(&self.request(&line, "")), status, &line);
    }

    /// A target with a code that nobody gave, and the right state.
    fn forged(&self) -> String {
        format!("GET /callback?code=forged&state={}", self.state)
    }

    /// The person comes back from the authorization server, and the login is as if nobody else had come.
    fn succeeds(self) {
        let page = browser::visit(&self.url).unwrap();
        self.ends_well(&page);
    }

    fn ends_well(self, page: &Page) {
        assert!(page.status == 200 && page.body.contains("Login received"), "{page:?}");
        self.running.end().succeeds();
        let requests = self.server.token_requests();
        let codes: Vec<_> = requests.iter().map(|request| request.form_value("code")).collect();
        assert_eq!(codes, [Some(&*parameter(&page.url, "code"))], "one request, with the code of the person");
        let access_token = self.sandbox.run(&["get", "demo"]).succeeds().text("access_token");
        assert!(self.server.mcp_accepts(&access_token));
        assert_eq!((self.sandbox.opened().len(), self.server.registrations().len()), (1, 1));
    }
}

#[track_caller]
fn is_answered(mut stream: TcpStream, status: u16, what: &str) {
    let mut answer = Vec::new();
    // A peer that has not been read to its end may be reset after its answer.
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{what:.200}: {answer}");
}

#[test]
fn case_27_another_path_or_method_does_not_end_a_login() {
    let login = Login::start();
    for line in ["GET /favicon.ico", "GET /", "GET /other?code=x&state=STATE", "GET /callback/?state=STATE"] {
        login.refuses(line, 404);
    }
    for method in ["POST", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT"] {
        login.refuses(&format!("{method} /callback?code=x&state=STATE"), 405);
    }
    login.succeeds();
}

#[test]
fn case_28_a_wrong_missing_or_doubled_state_does_not_end_a_login() {
    let login = Login::start();
    for query in [
        "code=x",
        "code=x&state=",
        "code=x&state=guess",
        "code=x&state=xSTATE",
        "code=x&state=%00STATE",
        "code=x&state=STATE&state=STATE",
        "code=x&state=guess&state=STATE",
    ] {
        login.refuses(&format!("GET /callback?{query}"), 400);
    }
    login.succeeds();
}

#[test]
fn case_29_an_error_without_the_right_state_does_not_end_a_login() {
    let login = Login::start();
    for query in [
        "error=access_denied",
        "error=access_denied&state=guess",
        "error=access_denied&state=STATE&state=STATE",
        "error=&state=STATE",
    ] {
        login.refuses(&format!("GET /callback?{query}"), 400);
    }
    login.succeeds();
}

#[test]
fn case_31_a_callback_that_is_replayed_changes_nothing() {
    let login = Login::start();
    login.server.fault(Endpoint::Token, Fault::HoldAfterCommit, Times::Next(1));
    let page = browser::visit(&login.url).unwrap();
    assert!(login.server.wait_for(|log| log.held() == 1, PATIENCE));
    // While the code is redeemed the listener may be gone; whatever answers changes nothing.
    for query in [page.url.split_once('?').unwrap().1.to_owned(), format!("code=x&state={}", login.state)] {
        if let Ok(mut stream) = TcpStream::connect(&login.authority) {
            let _ = stream.write_all(login.request(&format!("GET /callback?{query}"), "").as_bytes());
        }
    }
    login.server.release();
    login.ends_well(&page);
}

#[test]
fn case_31_of_two_answers_at_once_only_the_first_is_redeemed() {
    let login = Login::start();
    // The program stands still while both arrive.
    let pid = rustix::process::Pid::from_raw(login.running.id().cast_signed()).unwrap();
    support::process::stop(pid);
    let forged = login.send(&login.request(&login.forged(), ""));
    let second = login.send(&login.request(&login.forged().replace("forged", "second"), ""));
    support::process::go_on(pid);
    let refused = login.running.end();
    assert_ne!(refused.status, 0, "nobody gave that code: {refused:?}");
    let requests = login.server.token_requests();
    let codes: Vec<_> = requests.iter().map(|request| request.form_value("code")).collect();
    assert_eq!(codes, [Some("forged")]);
    drop((forged, second));
    login.sandbox.forget_browser();
    login.sandbox.login("demo").succeeds();
}

#[test]
fn case_32_a_code_that_is_empty_huge_unprintable_or_doubled_does_not_end_a_login() {
    let login = Login::start();
    for query in [
        "state=STATE",
        "code=&state=STATE",
        "code=x%00&state=STATE",
        "code=x%0D%0Ay&state=STATE",
        "code=%1B%5B31m&state=STATE",
        "code=x%7F&state=STATE",
        "code=%C3%A9&state=STATE",
        "code=x&code=y&state=STATE",
        "code=x&error=y&state=STATE",
    ] {
        login.refuses(&format!("GET /callback?{query}"), 400);
    }
    login.refuses(&format!("GET /callback?state=STATE&code={}", "x".repeat(5000)), 400);
    let huge = login.request(&format!("{}{}", login.forged(), "&x=y".repeat(256 * 1024)), "");
    let mut stream = login.connect();
    // Whoever sends a megabyte is not read to the end.
    let _ = stream.write_all(huge.as_bytes());
    drop(stream);
    login.succeeds();
}

#[test]
fn case_33_a_foreign_missing_or_doubled_host_does_not_end_a_login() {
    let login = Login::start();
    let (ours, line) = (format!("Host: {}\r\n", login.authority), login.forged());
    let port = login.authority.rsplit_once(':').unwrap().1;
    for hosts in [
        String::new(),
        "Host:\r\n".to_owned(),
        "Host: evil.example\r\n".to_owned(),
        format!("Host: evil.example:{port}\r\n"),
        format!("Host: 127.0.0.1.evil.example:{port}\r\n"),
        "Host: 127.0.0.1\r\n".to_owned(),
        format!("{ours}{ours}"),
        format!("{ours}Host: evil.example\r\n"),
        format!("X-Forwarded-Host: {}\r\nHost: evil.example\r\n", login.authority),
    ] {
        is_answered(login.send(&format!("{line} HTTP/1.1\r\n{hosts}\r\n")), 400, &hosts);
    }
    login.succeeds();
}

#[test]
fn case_34_a_target_in_another_form_does_not_end_a_login() {
    let login = Login::start();
    for target in [
        format!("http://{}/callback?code=x&state=STATE", login.authority),
        "//callback?code=x&state=STATE".to_owned(),
        "/%63allback?code=x&state=STATE".to_owned(),
        "/callback%3Fcode=x&state=STATE".to_owned(),
        "/./callback?code=x&state=STATE".to_owned(),
        "/x/../callback?code=x&state=STATE".to_owned(),
        "/CALLBACK?code=x&state=STATE".to_owned(),
        "*".to_owned(),
    ] {
        login.refuses(&format!("GET {target}"), 404);
    }
    login.succeeds();
}

#[test]
fn case_38_half_requests_idle_connections_and_an_endless_head_do_not_keep_the_person_out() {
    support::descriptors::as_many_as_allowed();
    let login = Login::start();
    let whole = login.request(&login.forged(), "");
    let mut crowd: Vec<TcpStream> = (0..300).map(|_| login.connect()).collect();
    crowd.extend((0..50).map(|_| login.send(&whole[..whole.len() - 2])));
    let mut huge = login.send("GET /callback HTTP/1.1\r\nX: ");
    let chunk = vec![b'x'; 1024 * 1024];
    let sent = (0..32).take_while(|_| huge.write_all(&chunk).is_ok()).count();
    assert!(sent < 32, "nobody reads that much");
    login.succeeds();
    drop(crowd);
}

#[test]
fn case_39_a_declared_body_that_never_comes_does_not_keep_the_person_out() {
    let login = Login::start();
    let mut open = Vec::new();
    for header in ["Content-Length: 1000\r\n", "Transfer-Encoding: chunked\r\n", "Expect: 100-continue\r\n"] {
        for line in ["POST /callback", "GET /other"] {
            open.push(login.send(&login.request(line, header)));
        }
    }
    for mut stream in open {
        let mut byte = [0];
        assert_eq!(stream.read(&mut byte).unwrap(), 1, "it is answered without the body");
    }
    login.succeeds();
}

#[test]
fn case_40_an_absurd_content_length_does_not_end_the_program() {
    let login = Login::start();
    for length in ["999999999999", "18446744073709551616", "-1", "x", "1, 2"] {
        let header = format!("Content-Length: {length}\r\n");
        is_answered(login.send(&login.request("GET /other", &header)), 404, length);
        is_answered(login.send(&login.request("POST /callback", &header)), 405, length);
    }
    login.succeeds();
}

#[test]
fn case_33_every_name_of_the_listener_is_ours_whatever_its_case() {
    for name in ["127.0.0.1", "localhost", "LocalHost", "LOCALHOST"] {
        let login = Login::start();
        let port = login.authority.rsplit_once(':').unwrap().1;
        let open = login.send(&format!("{} HTTP/1.1\r\nHost: {name}:{port}\r\n\r\n", login.forged()));
        assert_ne!(login.running.end().status, 0, "nobody gave that code");
        let requests = login.server.token_requests();
        let codes: Vec<_> = requests.iter().map(|request| request.form_value("code")).collect();
        assert_eq!(codes, [Some("forged")], "{name}");
        drop(open);
    }
}
