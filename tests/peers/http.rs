//! As much of an HTTP client as the tests need to talk to their own servers.
//!
//! Owns: one request, one answer. HTTP/1.0, so that the end of the connection is the end of the body.
//! Refuses to know: TLS, redirects, proxies, and whatever the helper itself uses for HTTP.

use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;
use url::Url;

/// The status of an answer and its body.
pub struct Answer {
    pub status: u16,
    pub body: String,
}

impl Answer {
    /// The body, which must be JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Sends `body` to `url`, with the bearer token where one is given.
pub fn request(method: &str, url: &str, bearer: Option<&str>, body: &str) -> Answer {
    let url = Url::parse(url).unwrap();
    let host = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
    let authorization = bearer.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    let mut stream = TcpStream::connect(&host).unwrap();
    write!(
        stream,
        "{method} {} HTTP/1.0\r\nHost: {host}\r\n{authorization}Content-Type: application/json\r\n\
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
    Answer { status, body: body.to_owned() }
}
