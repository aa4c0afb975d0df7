//! The callback listener over real sockets: whatever a neighbour sends, the one real answer gets through.
//!
//! Every socket has a time limit only so that a broken build fails instead of hanging; nothing here asserts
//! on elapsed time.
#![allow(clippy::unwrap_used)]

#[path = "support/descriptors.rs"]
mod descriptors;

use mcp_credential::config::Callback;
use mcp_credential::oauth::callback::{Ended, Expected, IssuerBreach, IssuerRule, Listener};
use mcp_credential::secret::Secret;
use oauthserver::HeldPort;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Far beyond what any of these tests takes.
const GUARD: Duration = Duration::from_secs(60);

struct Door {
    listener: Listener,
    address: SocketAddr,
}

impl Door {
    fn open() -> Self {
        Self::of(Listener::bind(&Callback::default()).unwrap())
    }

    fn of(listener: Listener) -> Self {
        let address = listener.addresses()[0];
        Self { listener, address }
    }

    fn expected(&self) -> Expected {
        let issuer = IssuerRule { issuer: Some("https://as.example".to_owned()), advertised: false };
        self.listener.expected(Secret::new("S"), issuer)
    }

    fn wait(&self) -> Ended {
        self.listener.wait(&self.expected(), Instant::now() + GUARD, &|| false)
    }

    /// What the wait comes to while `visitors` are there; they are over before it is asked.
    fn while_waiting(&self, visitors: impl FnOnce()) -> Ended {
        let gone = AtomicBool::new(false);
        thread::scope(|scope| {
            let cancelled = || gone.load(Ordering::SeqCst);
            let expected = self.expected();
            let waiting =
                scope.spawn(move || self.listener.wait(&expected, Instant::now() + GUARD, &cancelled));
            let leaving = Leaving(&gone);
            visitors();
            drop(leaving);
            waiting.join().unwrap()
        })
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(GUARD)).unwrap();
        stream.set_write_timeout(Some(GUARD)).unwrap();
        stream
    }

    /// A request with our `Host` and the given further header lines, each with its line end.
    fn request(&self, line: &str, headers: &str) -> String {
        format!("{line} HTTP/1.1\r\nHost: {}\r\n{headers}\r\n", self.address)
    }

    fn send(&self, text: &str) -> TcpStream {
        let mut stream = self.connect();
        stream.write_all(text.as_bytes()).unwrap();
        stream
    }

    fn ask(&self, line: &str) -> String {
        answer(self.send(&self.request(line, "")))
    }

    fn log_in(&self) -> String {
        self.ask("GET /callback?code=real&state=S")
    }
}

/// Ends the wait when the visitors leave, be it by a failed assertion.
struct Leaving<'a>(&'a AtomicBool);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

fn code(text: &str) -> Ended {
    Ended::Code(Secret::new(text))
}

/// Everything up to the end of the connection.
fn answer(mut stream: TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

/// Whether the other side has closed, however it did that.
fn is_closed(stream: &mut TcpStream) -> bool {
    match stream.read(&mut [0]) {
        Ok(length) => length == 0,
        Err(error) => matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe),
    }
}

#[test]
fn the_answer_of_the_browser_gives_the_code_and_its_page_is_whole() {
    let door = Door::open();
    let ended = door.while_waiting(|| {
        let page = door.log_in();
        assert!(page.starts_with("HTTP/1.1 200 OK\r\n") && page.ends_with("</html>\n"), "{page}");
        assert!(page.contains("Login received"));
    });
    assert_eq!(ended, code("real"));
}

#[test]
fn case_27_28_29_34_whatever_is_not_the_answer_is_refused_and_the_wait_goes_on() {
    let door = Door::open();
    let ended = door.while_waiting(|| {
        for (line, status) in [
            ("GET /favicon.ico", "404"),
            ("GET /", "404"),
            ("GET //callback?code=x&state=S", "404"),
            ("GET /%63allback?code=x&state=S", "404"),
            ("GET http://127.0.0.1/callback?code=x&state=S", "404"),
            ("POST /callback?code=x&state=S", "405"),
            ("HEAD /callback?code=x&state=S", "405"),
            ("GET /callback?code=x", "400"),
            ("GET /callback?code=x&state=guess", "400"),
            ("GET /callback?code=x&state=S&state=S", "400"),
            ("GET /callback?error=access_denied", "400"),
            ("GET /callback?code=&state=S", "400"),
        ] {
            let answer = door.ask(line);
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{line}: {answer}");
            assert_eq!(answer.ends_with("\r\n\r\n"), line.starts_with("HEAD"), "{line}: {answer}");
        }
        door.log_in();
    });
    assert_eq!(ended, code("real"));
}

#[test]
fn case_30_an_answer_of_another_issuer_ends_the_wait() {
    let door = Door::open();
    let ended = door.while_waiting(|| {
        let page = door.ask("GET /callback?error=x&error_description=evil&state=S&iss=https://evil.example");
        assert!(page.starts_with("HTTP/1.1 400 ") && !page.contains("evil"), "{page}");
    });
    assert_eq!(ended, Ended::Untrusted(IssuerBreach::Other("https://evil.example".to_owned())));
}

#[test]
fn a_refusal_of_the_authorization_server_ends_the_wait() {
    let door = Door::open();
    let ended = door.while_waiting(|| {
        let page = door.ask("GET /callback?error=access_denied&state=S");
        assert!(page.contains("did not succeed"), "{page}");
    });
    assert_eq!(ended, Ended::Denied { error: "access_denied".to_owned(), description: None });
}

#[test]
fn case_31_of_two_answers_the_first_counts_and_both_get_the_page() {
    let door = Door::open();
    let first = door.send(&door.request("GET /callback?code=first&state=S", ""));
    let second = door.send(&door.request("GET /callback?code=second&state=S", ""));
    let third = door.send(&door.request("GET /callback?error=access_denied&state=S", ""));
    assert_eq!(door.wait(), code("first"));
    for stream in [first, second, third] {
        assert!(answer(stream).contains("Login received"));
    }
}

#[test]
fn case_31_after_the_login_nobody_answers_any_more() {
    // Kept, so that nobody else is given the port in that moment.
    let kept = HeldPort::for_later(0).unwrap();
    let port = kept.as_ref().map_or(0, HeldPort::number);
    let door = Door::of(Listener::bind(&Callback { port, ..Callback::default() }).unwrap());
    let address = door.address;
    assert_eq!(door.while_waiting(|| drop(door.log_in())), code("real"));
    drop(door);
    assert_eq!(TcpStream::connect(address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn case_33_a_foreign_missing_or_doubled_host_is_refused() {
    let door = Door::open();
    let ended = door.while_waiting(|| {
        let line = "GET /callback?code=x&state=S HTTP/1.1\r\n";
        let ours = format!("Host: {}\r\n", door.address);
        for hosts in [String::new(), "Host: evil.example\r\n".to_owned(), format!("{ours}{ours}")] {
            let answer = answer(door.send(&format!("{line}{hosts}\r\n")));
            assert!(answer.starts_with("HTTP/1.1 400 "), "{hosts}: {answer}");
        }
        door.log_in();
    });
    assert_eq!(ended, code("real"));
}

#[test]
fn case_35_no_answer_reflects_anything_of_its_request() {
    let door = Door::open();
    let ended = door.while_waiting(|| {
        for target in ["/zebra", "/callback?zebra", "/callback?error=zebra", "/callback?code=zebra&state=S"] {
            let headers = "User-Agent: zebra\r\nReferer: http://zebra/\r\nzebra: zebra\r\n";
            let answer = answer(door.send(&door.request(&format!("GET {target}"), headers)));
            assert!(answer.starts_with("HTTP/1.1 ") && !answer.contains("zebra"), "{answer}");
        }
    });
    assert_eq!(ended, code("zebra"));
}

#[test]
fn case_36_the_listener_is_on_loopback_only() {
    // Some machines have no IPv6.
    let v6 = TcpListener::bind("[::1]:0").is_ok().then_some("::1");
    for host in ["127.0.0.1", "localhost"].into_iter().chain(v6) {
        let listener = Listener::bind(&Callback { host: host.to_owned(), ..Callback::default() }).unwrap();
        let addresses = listener.addresses();
        assert!(!addresses.is_empty() && addresses.iter().all(|address| address.ip().is_loopback()));
    }
}

#[test]
fn case_37_a_taken_port_is_an_error_or_another_port_and_the_redirect_uri_says_which() {
    let door = Door::open();
    let callback = Callback { port: door.address.port(), ..Callback::default() };
    let failure = Listener::bind(&callback).unwrap_err();
    assert!(failure.message.contains("callbackPort"), "{failure}");
    let other = Listener::bind_or_any_port(&callback).unwrap();
    assert_ne!(other.addresses()[0].port(), door.address.port());
    assert_eq!(other.redirect_uri(), format!("http://{}/callback", other.addresses()[0]));
    let fixed = Callback { redirect_uri: Some(format!("http://{}/cb", door.address)), ..callback };
    assert!(Listener::bind_or_any_port(&fixed).is_err(), "a configured redirect URI allows no other port");
}

#[test]
fn case_38_hundreds_of_idle_connections_and_half_requests_do_not_keep_the_login_out() {
    descriptors::as_many_as_allowed();
    let door = Door::open();
    let ended = door.while_waiting(|| {
        let mut idle: Vec<TcpStream> = (0..300).map(|_| door.connect()).collect();
        let half = door.request("GET /callback?code=half&state=S", "");
        let mut halves: Vec<TcpStream> = (0..50).map(|_| door.send(&half[..half.len() - 2])).collect();
        assert!(is_closed(&mut idle[0]), "the oldest made room");
        assert!(door.log_in().contains("Login received"));
        idle.append(&mut halves);
    });
    assert_eq!(ended, code("real"));
}

#[test]
fn case_38_a_request_that_came_whole_is_served_however_many_came_after_it() {
    let door = Door::open();
    let login = door.send(&door.request("GET /callback?code=real&state=S", ""));
    let idle: Vec<TcpStream> = (0..100).map(|_| door.connect()).collect();
    assert_eq!(door.wait(), code("real"));
    assert!(answer(login).contains("Login received"));
    drop(idle);
}

#[test]
fn case_38_a_head_of_32_mib_is_cut_off_and_the_login_succeeds() {
    let door = Door::open();
    let ended = door.while_waiting(|| {
        let mut huge = door.send("GET /callback HTTP/1.1\r\nX: ");
        let chunk = vec![b'x'; 1024 * 1024];
        let sent = (0..32).take_while(|_| huge.write_all(&chunk).is_ok()).count();
        assert!(sent < 32, "nobody reads that much");
        door.log_in();
    });
    assert_eq!(ended, code("real"));
}

#[test]
fn case_39_a_declared_body_that_never_comes_is_not_waited_for() {
    let door = Door::open();
    let ended = door.while_waiting(|| {
        for header in ["Content-Length: 1000\r\n", "Transfer-Encoding: chunked\r\n"] {
            let expecting = format!("{header}Expect: 100-continue\r\n");
            let stream = door.send(&door.request("POST /callback", &expecting));
            assert!(answer(stream).starts_with("HTTP/1.1 405 "));
        }
        let stream = door.send(&door.request("GET /callback?code=real&state=S", "Content-Length: 9\r\n"));
        assert!(answer(stream).contains("Login received"));
    });
    assert_eq!(ended, code("real"));
}

#[test]
fn case_40_an_absurd_content_length_is_harmless() {
    let door = Door::open();
    let ended = door.while_waiting(|| {
        for length in ["999999999999", "18446744073709551616", "-1", "x"] {
            let header = format!("Content-Length: {length}\r\n");
            let answer = answer(door.send(&door.request("GET /other", &header)));
            assert!(answer.starts_with("HTTP/1.1 404 "), "{length}: {answer}");
        }
        door.log_in();
    });
    assert_eq!(ended, code("real"));
}

#[test]
fn what_is_no_http_is_refused_at_once() {
    let door = Door::open();
    let ended = door.while_waiting(|| {
        for junk in ["\u{16}\u{3}\u{1}\u{2}", "SSH-2.0-x\r\n\r\n", "GET\r\n\r\n"] {
            assert!(answer(door.send(junk)).starts_with("HTTP/1.1 400 "), "{junk:?}");
        }
        door.log_in();
    });
    assert_eq!(ended, code("real"));
}

#[test]
fn a_wait_ends_at_its_deadline_and_when_the_caller_gives_up() {
    let door = Door::open();
    let idle = door.connect();
    assert_eq!(door.listener.wait(&door.expected(), Instant::now(), &|| false), Ended::TimedOut);
    assert_eq!(door.while_waiting(|| ()), Ended::Cancelled);
    drop(idle);
}
