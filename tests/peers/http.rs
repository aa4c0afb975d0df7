//! As much of an HTTP client as the tests need to talk to their own servers.
//!
//! Owns: one request, one answer. HTTP/1.0, so that the end of the connection is the end of the body.
//! Refuses to know: TLS, redirects, proxies, and whatever the helper itself uses for HTTP.

use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;
use url::Url;

/// An answer.
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    /// The value of a header, or nothing.
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    /// The body, which must be JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Sends `body` to `url`, with the bearer token where one is given.
pub fn request(method: &str, url: &str, bearer: Option<&str>, body: &str) -> Answer {
    let authorization = bearer.map(|token| ("Authorization".to_owned(), format!("Bearer {token}")));
    send(method, url, authorization.as_slice(), body)
}

/// Sends `body` to `url` with these headers.
pub fn send(method: &str, url: &str, headers: &[(String, String)], body: &str) -> Answer {
    let url = Url::parse(url).unwrap();
    let host = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
    let headers: Vec<String> = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let headers = headers.concat();
    let mut stream = TcpStream::connect(&host).unwrap();
    write!(
        stream,
        "{method} {} HTTP/1.0\r\nHost: {host}\r\n{headers}Content-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\nContent-Length: {}\r\n\r\n{body}",
        url.path(),
        body.len(),
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    parse(&answer)
}

fn parse(answer: &str) -> Answer {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let headers = head.lines().filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    Answer { status, headers, body: body.to_owned() }
}
