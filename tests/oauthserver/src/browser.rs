//! A tiny browser: GET over plain HTTP, follow redirects, approve the consent form.
//!
//! Stands in for the person's browser in tests and in the demo. Own sockets, no library. Limits: `http` only,
//! ten redirects, 4 MiB a page, 10 s of silence, no cookies, no scripts; the only form it knows is the consent
//! page of this server.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;
use url::{Url, form_urlencoded};

const REDIRECTS: usize = 10;
const PAGE_LIMIT: u64 = 4 * 1024 * 1024;
const SILENCE: Duration = Duration::from_secs(10);

/// The page where the visit ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// HTTP status.
    pub status: u16,
    /// The address after all redirects.
    pub url: String,
    /// Headers in their order.
    pub headers: Vec<(String, String)>,
    /// The body, chunks joined, as text.
    pub body: String,
}

impl Page {
    /// The first header of that name, case-insensitive.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// What the person at the browser decides on the consent page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Allow.
    Approve,
    /// Deny.
    Deny,
    /// Look at the page and do nothing.
    Nothing,
}

/// Visits `url` and approves.
///
/// # Errors
/// The URL is not `http`, a host cannot be reached or is silent for 10 s, an answer is not HTTP, or there are
/// more than ten redirects.
pub fn visit(url: &str) -> io::Result<Page> {
    visit_and(url, Decision::Approve)
}

/// Visits `url` and decides as told.
///
/// # Errors
/// As [`visit`].
pub fn visit_and(url: &str, decision: Decision) -> io::Result<Page> {
    let mut page = follow(url, None)?;
    if let Some((action, form)) = consent_form(&page, decision) {
        page = follow(&action, Some(form))?;
    }
    Ok(page)
}

/// Gets `url` once, without following anything.
///
/// # Errors
/// As [`visit`].
pub fn get(url: &str) -> io::Result<Page> {
    request(&parse(url)?, None)
}

/// Posts `body` once with these headers, as a program would.
///
/// # Errors
/// As [`visit`].
pub fn post(url: &str, headers: &[(&str, &str)], body: &str) -> io::Result<Page> {
    let url = parse(url)?;
    let mut head = String::new();
    for (name, value) in headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    send(&url, "POST", &head, Some(body))
}

/// Posts a form once, without following anything.
///
/// # Errors
/// As [`visit`].
pub fn post_form(url: &str, form: &[(&str, &str)]) -> io::Result<Page> {
    request(&parse(url)?, Some(&encode(form)))
}

fn follow(url: &str, mut form: Option<String>) -> io::Result<Page> {
    let mut url = parse(url)?;
    for _ in 0..=REDIRECTS {
        let page = request(&url, form.as_deref())?;
        let redirect = matches!(page.status, 301 | 302 | 303 | 307 | 308);
        let Some(location) = page.header("location").filter(|_| redirect) else {
            return Ok(page);
        };
        url = url.join(location).map_err(invalid)?;
        // As browsers do: only 307 and 308 repeat a POST.
        form = form.filter(|_| matches!(page.status, 307 | 308));
    }
    Err(invalid("too many redirects"))
}

fn request(url: &Url, form: Option<&str>) -> io::Result<Page> {
    match form {
        Some(_) => send(url, "POST", "Content-Type: application/x-www-form-urlencoded\r\n", form),
        None => send(url, "GET", "", None),
    }
}

fn send(url: &Url, method: &str, headers: &str, body: Option<&str>) -> io::Result<Page> {
    let mut stream = connect(url)?;
    let target = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    let host = authority(url);
    let mut message = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}");
    if let Some(body) = body {
        message.extend(["Content-Length: ", &body.len().to_string(), "\r\n"]);
    }
    message.push_str("\r\n");
    message.push_str(body.unwrap_or_default());
    stream.write_all(message.as_bytes())?;
    page(url, &answer(stream)?)
}

/// All bytes until the peer closes, or until the declared length is there.
fn answer(stream: TcpStream) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut stream = stream.take(PAGE_LIMIT);
    let mut piece = [0; 8192];
    loop {
        match stream.read(&mut piece) {
            Ok(0) => return Ok(bytes),
            Ok(length) => bytes.extend(piece.iter().take(length)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if bytes.is_empty() => return Err(error),
            // A peer that answers and then resets has answered.
            Err(_) => return Ok(bytes),
        }
        if is_whole(&bytes) {
            return Ok(bytes);
        }
    }
}

fn is_whole(bytes: &[u8]) -> bool {
    let Ok((head, body)) = split(bytes) else {
        return false;
    };
    match head.length {
        Some(length) => body.len() >= length,
        None => head.chunked && body.ends_with(b"0\r\n\r\n"),
    }
}

struct Head {
    status: u16,
    headers: Vec<(String, String)>,
    length: Option<usize>,
    chunked: bool,
}

fn split(bytes: &[u8]) -> io::Result<(Head, &[u8])> {
    let mut headers = [httparse::EMPTY_HEADER; 100];
    let mut response = httparse::Response::new(&mut headers);
    let Ok(httparse::Status::Complete(end)) = response.parse(bytes) else {
        return Err(invalid("not an HTTP answer"));
    };
    let headers: Vec<(String, String)> = response
        .headers
        .iter()
        .map(|header| (header.name.to_owned(), String::from_utf8_lossy(header.value).into_owned()))
        .collect();
    let find = |name: &str| headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
    let length = find("content-length").and_then(|(_, value)| value.parse().ok());
    let chunked = find("transfer-encoding").is_some_and(|(_, value)| value.eq_ignore_ascii_case("chunked"));
    let head = Head { status: response.code.unwrap_or_default(), length, chunked, headers };
    Ok((head, bytes.get(end..).unwrap_or_default()))
}

fn page(url: &Url, bytes: &[u8]) -> io::Result<Page> {
    let (head, body) = split(bytes)?;
    let body = if head.chunked { unchunk(body) } else { body.to_vec() };
    Ok(Page {
        status: head.status,
        url: url.as_str().to_owned(),
        headers: head.headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}

/// Joins chunks; what is missing at the end is missing in the page.
fn unchunk(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(httparse::Status::Complete((start, size))) = httparse::parse_chunk_size(rest) {
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let chunk = rest.get(start..).unwrap_or_default();
        body.extend(chunk.iter().take(size));
        rest = chunk.get(size.saturating_add(2)..).unwrap_or_default();
        if size == 0 {
            break;
        }
    }
    body
}

/// Action and encoded fields of the consent form, if the page is one.
fn consent_form(page: &Page, decision: Decision) -> Option<(String, String)> {
    let decision = match decision {
        Decision::Approve => "approve",
        Decision::Deny => "deny",
        Decision::Nothing => return None,
    };
    let (_, form) = page.body.split_once("<form id=\"consent\"")?;
    let action = attribute(form, "action")?;
    let (_, input) = form.split_once("name=\"ticket\"")?;
    let ticket = attribute(input, "value")?;
    let form = encode(&[("ticket", ticket), ("decision", decision)]);
    Some((action.to_owned(), form))
}

fn attribute<'a>(html: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = html.split_once(&format!("{name}=\""))?;
    rest.split_once('"').map(|(value, _)| value)
}

fn connect(url: &Url) -> io::Result<TcpStream> {
    let port = url.port_or_known_default().unwrap_or(80);
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let mut failure = invalid("the host has no address");
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, SILENCE) {
            Ok(stream) => {
                stream.set_read_timeout(Some(SILENCE))?;
                stream.set_write_timeout(Some(SILENCE))?;
                return Ok(stream);
            }
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

fn parse(url: &str) -> io::Result<Url> {
    let url = Url::parse(url).map_err(invalid)?;
    match url.scheme() {
        "http" => Ok(url),
        _ => Err(invalid("this browser speaks http only")),
    }
}

fn encode(form: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish()
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

#[cfg(test)]
mod tests {
    use super::unchunk;

    #[test]
    fn chunks_are_joined_and_a_broken_end_is_no_panic() {
        assert_eq!(unchunk(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"), b"abcde");
        assert_eq!(unchunk(b"ffffffffffffffff\r\nabc"), b"abc");
        assert_eq!(unchunk(b"zz"), b"");
    }
}
