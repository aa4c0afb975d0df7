//! The interactive part of a login from end to end, with a browser and a terminal that are doubles.
#![allow(clippy::unwrap_used)]

#[path = "support/pages.rs"]
mod pages;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use mcp_credential::config::{Callback, Server};
use mcp_credential::failure::{Code, Outcome};
use mcp_credential::oauth::callback::Listener;
use mcp_credential::oauth::login::{
    Authorization, AuthorizationEndpoint, LoginCode, OpenBrowser, Person, authorize,
};
use pages::parameter;
use sha2::{Digest, Sha256};
use std::cell::{Cell, RefCell};
use std::io::{self, Write};
use std::net::TcpStream;
use std::time::Instant;
use url::Url;

/// One login under way.
struct Login {
    server: Server,
    listener: Listener,
    authorization: Authorization,
}

/// The same login for every test but for its callback settings.
fn login(callback: Callback) -> Login {
    let server = Server { name: "demo".to_owned(), callback, ..Server::default() };
    let listener = Listener::bind(&server.callback).unwrap();
    let endpoint = AuthorizationEndpoint {
        url: "https://as.example/authorize".to_owned(),
        issuer: Some("https://as.example".to_owned()),
        iss_parameter_supported: true,
        ..AuthorizationEndpoint::default()
    };
    let authorization =
        Authorization::prepare(&server, &endpoint, "client", &listener.redirect_uri()).unwrap();
    Login { server, listener, authorization }
}

impl Login {
    fn authorize(&self, person: &mut Person<'_>) -> Outcome<LoginCode> {
        authorize(&self.server, &self.listener, &self.authorization, person)
    }

    /// Lets `browser` open the URL; the result, and what the terminal showed.
    fn with_browser(&self, browser: OpenBrowser<'_>) -> (Outcome<LoginCode>, String) {
        let mut terminal = Vec::new();
        let result = self.authorize(&mut person(&mut terminal, Some(browser)));
        (result, String::from_utf8(terminal).unwrap())
    }
}

fn person<'a>(terminal: &'a mut dyn Write, open_browser: Option<OpenBrowser<'a>>) -> Person<'a> {
    Person { terminal, open_browser, is_remote: false, paste: None, deadline: None, cancelled: &|| false }
}

/// Comes back from the authorization server with `answer`, without waiting for the page.
fn come_back(url: &str, answer: &str) -> TcpStream {
    let redirect = Url::parse(&parameter(url, "redirect_uri")).unwrap();
    let authority = redirect.authority().to_owned();
    let mut stream = TcpStream::connect(&authority).unwrap();
    let (path, state) = (redirect.path(), parameter(url, "state"));
    let request = format!("GET {path}?state={state}&{answer} HTTP/1.1\r\nHost: {authority}\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

const GRANTED: &str = "code=the-code&iss=https%3A%2F%2Fas.example";

#[test]
fn a_login_gives_the_code_with_the_verifier_and_the_redirect_uri_of_its_request() {
    let login = login(Callback::default());
    let (opened, pages) = (RefCell::new(String::new()), RefCell::new(Vec::new()));
    let (result, terminal) = login.with_browser(&|url| {
        url.clone_into(&mut opened.borrow_mut());
        pages.borrow_mut().push(come_back(url, GRANTED));
        Ok(())
    });
    let (got, url) = (result.unwrap(), opened.into_inner());
    assert_eq!(got.code.expose(), "the-code");
    assert_eq!(got.redirect_uri, login.listener.redirect_uri());
    assert_eq!(got.redirect_uri, parameter(&url, "redirect_uri"));
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(got.verifier.expose()));
    assert_eq!(challenge, parameter(&url, "code_challenge"));
    assert!(terminal.lines().any(|line| line == url), "{terminal}");
    assert!(!terminal.contains(got.verifier.expose()) && !terminal.contains("the-code"));
}

#[test]
fn a_login_on_localhost_comes_back_to_whatever_localhost_is() {
    let login = login(Callback { host: "localhost".to_owned(), ..Callback::default() });
    assert!(login.listener.redirect_uri().starts_with("http://localhost:"));
    let (result, _) = login.with_browser(&|url| {
        drop(come_back(url, GRANTED));
        Ok(())
    });
    assert_eq!(result.unwrap().code.expose(), "the-code");
}

#[test]
fn case_24_when_no_browser_opens_the_wait_goes_on() {
    let login = login(Callback::default());
    let (result, terminal) = login.with_browser(&|url| {
        drop(come_back(url, GRANTED));
        Err("none\x1b was found".to_owned())
    });
    assert!(result.is_ok());
    assert!(terminal.contains("No browser was opened (none\\u{1b} was found)"), "{terminal}");
}

/// A person who reads the terminal and opens what stands there.
#[derive(Default)]
struct Reader {
    seen: String,
    pages: Vec<TcpStream>,
}

impl Write for Reader {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.seen.push_str(&String::from_utf8_lossy(text));
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.pages.is_empty() {
            let url = self.seen.lines().find(|line| line.starts_with("https://")).unwrap();
            self.pages.push(come_back(url, GRANTED));
        }
        Ok(())
    }
}

#[test]
fn a_person_can_log_in_with_the_url_of_the_terminal_alone() {
    let login = login(Callback::default());
    let mut reader = Reader::default();
    login.authorize(&mut person(&mut reader, None)).unwrap();
    assert!(!reader.seen.contains("rowser was"), "nothing is said of a browser: {}", reader.seen);
}

/// A terminal that is gone.
struct Broken;

impl Write for Broken {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
}

#[test]
fn a_terminal_that_is_gone_does_not_end_the_login() {
    let login = login(Callback::default());
    let browser = |url: &str| {
        drop(come_back(url, GRANTED));
        Ok(())
    };
    login.authorize(&mut person(&mut Broken, Some(&browser))).unwrap();
}

#[test]
fn case_26_over_ssh_the_port_to_forward_is_shown_and_the_wait_ends_at_its_limit() {
    let login = login(Callback::default());
    let mut terminal = Vec::new();
    let asked = Cell::new(false);
    let mut person = person(&mut terminal, None);
    (person.is_remote, person.deadline) = (true, Some(Instant::now()));
    let asked_again = || asked.replace(true);
    person.cancelled = &asked_again;
    let failure = login.authorize(&mut person).unwrap_err();
    assert_eq!((failure.code, failure.server.as_deref()), (Code::Deadline, Some("demo")));
    assert!(failure.message.contains("mcp-credential login demo"), "{failure}");
    let (terminal, address) = (String::from_utf8(terminal).unwrap(), login.listener.addresses()[0]);
    assert!(terminal.contains(&format!("ssh -L {}:{address} HOST", address.port())), "{terminal}");
    assert!(terminal.contains("\nhttps://as.example/authorize?"), "{terminal}");
}

#[test]
fn the_configured_time_is_the_limit_unless_the_caller_has_one() {
    let login = login(Callback { timeout_seconds: 0, ..Callback::default() });
    let failure = login.authorize(&mut person(&mut Vec::new(), None)).unwrap_err();
    assert_eq!(failure.code, Code::Deadline);
}

#[test]
fn an_absurd_time_limit_is_harmless() {
    let login = login(Callback { timeout_seconds: u64::MAX, ..Callback::default() });
    let (result, _) = login.with_browser(&|url| {
        drop(come_back(url, GRANTED));
        Ok(())
    });
    assert!(result.is_ok());
}

#[test]
fn a_caller_that_gives_up_ends_the_wait() {
    let login = login(Callback::default());
    let (asked, mut terminal) = (Cell::new(0), Vec::new());
    let cancelled = || asked.replace(asked.get() + 1) == 2;
    let failure =
        login.authorize(&mut Person { cancelled: &cancelled, ..person(&mut terminal, None) }).unwrap_err();
    assert_eq!((failure.code, asked.get()), (Code::InteractionRequired, 3));
}

#[test]
fn a_refusal_names_the_server_and_what_it_said() {
    let login = login(Callback::default());
    let answer = "error=access_denied&error_description=not%0Atoday&iss=https%3A%2F%2Fas.example";
    let (result, _) = login.with_browser(&|url| {
        drop(come_back(url, answer));
        Ok(())
    });
    let failure = result.unwrap_err();
    assert_eq!((failure.code, failure.server.as_deref()), (Code::Denied, Some("demo")));
    assert!(failure.message.contains("`access_denied`: not today"), "{failure}");
}

#[test]
fn case_30_nothing_of_an_answer_of_another_issuer_is_shown() {
    for answer in [
        "error=evil&error_description=evil&iss=https://x.example",
        "error=evil&error_description=evil",
        "code=evil",
        "code=evil&iss=https://as.example/",
    ] {
        let login = login(Callback::default());
        let (result, terminal) = login.with_browser(&|url| {
            drop(come_back(url, answer));
            Ok(())
        });
        let failure = result.unwrap_err();
        assert_eq!(failure.code, Code::UntrustedServer, "{answer}");
        assert!(!failure.message.contains("evil") && !terminal.contains("evil"), "{failure}");
    }
}
