//! The wire itself: hostile bytes, framing, the log, the wait, and the server's end.

mod support;

use oauthserver::{HeldPort, Settings, browser};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;
use support::{SOON, call, connect, raw, refresh, send, start};

#[test]
fn hostile_bytes_get_an_answer_or_an_end_and_the_server_lives() {
    let server = start(Settings::default());
    let long = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(100_000));
    let headers = format!("GET / HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(200));
    for (bytes, status) in [
        (&b"\0\0\0\0\r\n\r\n"[..], "400"),
        (b"GET\r\n\r\n", "400"),
        (b"POST /token HTTP/1.1\r\nContent-Length: 999999999999\r\n\r\n", "413"),
        (b"POST /token HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n", "413"),
        (b"POST /token HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "400"),
        (b"POST /token HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "400"),
        (b"POST /token HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", "501"),
        (b"POST /token HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "400"),
        (b"POST /token HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n", "413"),
        (long.as_bytes(), "431"),
        (headers.as_bytes(), "431"),
        (b"GET /authorize?client_id=%ff%00&redirect_uri=%zz HTTP/1.1\r\n\r\n", "400"),
        (b"POST /token HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 3\r\n\r\n%%%", "400"),
        (b"GET /\xff HTTP/1.1\r\n\r\n", "4"),
        (b"GET //mcp HTTP/1.1\r\n\r\n", "404"),
        (b"GET http://x/mcp HTTP/1.1\r\n\r\n", "401"),
    ] {
        let mut stream = connect(&server);
        stream.write_all(bytes).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let head = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{head:?}: {answer}");
    }
    let deep = "[".repeat(100_000);
    let token = server.issue_refresh_family("c", "").access_token;
    let head = format!("POST /mcp HTTP/1.1\r\nAuthorization: Bearer {token}");
    assert_eq!(send(&server, &head, &deep).0, 400);
    assert_eq!(call(&server, &token, "ping").0, 200);
}

#[test]
fn chunked_requests_expectations_and_kept_connections_are_understood() {
    let server = start(Settings { keep_alive: true, ..Settings::default() });
    let first = server.issue_refresh_family("c", "");
    let token = first.access_token;
    let message = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let (start_of, end_of) = message.split_at(17);
    let chunk = |text: &str| format!("{:x}\r\n{text}\r\n", text.len());
    let request = format!(
        "POST /mcp HTTP/1.1\r\nAuthorization: Bearer {token}\r\nExpect: 100-continue\r\n\
         Transfer-Encoding: chunked\r\n\r\n{}{}0\r\n\r\n",
        chunk(start_of),
        chunk(end_of)
    );
    let last = "GET /nowhere HTTP/1.1\r\nConnection: close\r\n\r\n";
    let answers = raw(&server, format!("{request}{request}{last}").as_bytes());
    assert_eq!(answers.matches("HTTP/1.1 100 Continue").count(), 2, "{answers}");
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 2, "{answers}");
    assert_eq!(answers.matches("Connection: keep-alive").count(), 2);
    assert!(answers.contains("HTTP/1.1 404"));
    assert_eq!(server.connections(), 1);
    assert!(server.requests().iter().all(|request| request.connection == 1));
    assert_eq!(refresh(&server, &first.refresh_token).status, 200);
}

#[test]
fn the_log_shows_everything_and_its_debug_no_values() {
    let server = start(Settings::default());
    let first = server.issue_refresh_family("c", "");
    refresh(&server, &first.refresh_token);
    let logged = server.log().last().unwrap().clone();
    assert_eq!(logged.form_value("refresh_token"), Some(first.refresh_token.as_str()));
    assert_eq!(logged.header("HOST"), Some(format!("127.0.0.1:{}", server.port()).as_str()));
    assert_eq!(logged.line(), "POST /token 200 grant=refresh_token committed");
    let shown = format!("{logged:?} {:?} {first:?}", server.log());
    assert!(!shown.contains(&first.refresh_token), "{shown}");
    assert!(shown.contains("refresh_token"));
}

#[test]
fn a_wait_ends_when_the_condition_holds_or_the_time_is_over() {
    let server = start(Settings::default());
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| server.wait_for(|log| log.count("/nowhere") == 3, SOON));
        for _ in 0..3 {
            browser::get(&format!("{}/nowhere", server.origin())).unwrap();
        }
        assert!(waiting.join().unwrap());
    });
    assert_eq!(server.count("/nowhere"), 3);
    assert!(!server.wait_for(|log| log.len() == 4, Duration::from_millis(1)));
}

#[test]
fn a_drop_ends_idle_connections_and_frees_the_port() {
    // Kept beyond the server, so that nobody else is given it in between.
    let kept = HeldPort::for_later(0).unwrap();
    let server = start(Settings { port: kept.as_ref().map_or(0, HeldPort::number), ..Settings::default() });
    let port = server.port();
    let mut idle: Vec<_> = (0..50).map(|_| connect(&server)).collect();
    idle[0].write_all(b"POST /token HTTP/1.1\r\nContent-Le").unwrap();
    // Answered, so all connections before it were accepted.
    browser::get(&server.origin()).unwrap();
    drop(server);
    for stream in &mut idle {
        // An end or a reset, but never the read's time limit.
        match stream.read(&mut [0]) {
            Ok(length) => assert_eq!(length, 0),
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
        }
    }
    TcpListener::bind(("127.0.0.1", port)).unwrap();
}

#[test]
fn an_offline_server_refuses_connections_and_comes_back_with_its_state() {
    let server = start(Settings::default());
    let first = server.issue_refresh_family("c", "");
    server.go_offline();
    let refused = support::try_refresh(&server, &first.refresh_token).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    server.go_online().unwrap();
    server.go_online().unwrap();
    assert_eq!(refresh(&server, &first.refresh_token).status, 200);
}
