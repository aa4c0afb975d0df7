//! Reads one HTTP/1.1 request from a socket, within limits.
//!
//! Owns the framing (head, `Content-Length`, chunked bodies, `Expect`) and the decoding of query and form.
//! Knows nothing of paths. Limits: 64 KiB of head, 100 headers, 4 MiB of body, 30 s of silence.

use serde_json::Value;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;
use url::form_urlencoded;

const HEAD_LIMIT: usize = 64 * 1024;
const BODY_LIMIT: usize = 4 * 1024 * 1024;
const HEADER_LIMIT: usize = 100;
/// How long a peer may be silent, in either direction.
const SILENCE: Duration = Duration::from_secs(30);

/// Decoded name and value pairs in their order, repetitions included.
pub(crate) type Pairs = Vec<(String, String)>;

/// One request.
#[derive(Debug, Default)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// As sent, without the query.
    pub(crate) path: String,
    pub(crate) query: Pairs,
    pub(crate) headers: Pairs,
    pub(crate) body: Vec<u8>,
    pub(crate) keep_alive: bool,
}

/// Why there is no request.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// The peer closed, fell silent, or the server stops.
    Closed,
    /// It is not a request that this server can read; to be answered with that status.
    Bad(u16),
}

impl From<io::Error> for ReadError {
    fn from(_: io::Error) -> Self {
        Self::Closed
    }
}

impl Request {
    /// The values of a header, in order.
    pub(crate) fn header<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers
            .iter()
            .filter(move |(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Whether the body's media type is `kind`, parameters aside.
    pub(crate) fn is(&self, kind: &str) -> bool {
        let media = self.header("content-type").next().unwrap_or_default();
        let media = media.split(';').next().unwrap_or_default().trim();
        media.eq_ignore_ascii_case(kind)
    }

    /// The form pairs; empty when the body is no form.
    pub(crate) fn form(&self) -> Pairs {
        if self.is("application/x-www-form-urlencoded") { pairs(&self.body) } else { Vec::new() }
    }

    /// The body as JSON, when it is.
    pub(crate) fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }
}

/// The reading side of one connection.
pub(crate) struct Wire<'a> {
    stream: &'a TcpStream,
    buffer: Vec<u8>,
}

impl<'a> Wire<'a> {
    pub(crate) fn new(stream: &'a TcpStream) -> Self {
        // Without the limits the server still works; its stop closes the socket anyway.
        let _ = stream.set_read_timeout(Some(SILENCE));
        let _ = stream.set_write_timeout(Some(SILENCE));
        let _ = stream.set_nodelay(true);
        Self { stream, buffer: Vec::new() }
    }

    /// The next request of the connection.
    pub(crate) fn next(&mut self) -> Result<Request, ReadError> {
        let mut request = loop {
            if let Some((request, length)) = parse_head(&self.buffer)? {
                self.buffer.drain(..length);
                break request;
            }
            if self.buffer.len() >= HEAD_LIMIT {
                return Err(ReadError::Bad(431));
            }
            self.fill()?;
        };
        request.body = self.body(&request)?;
        Ok(request)
    }

    fn body(&mut self, request: &Request) -> Result<Vec<u8>, ReadError> {
        let mut encodings = request.header("transfer-encoding");
        let chunked = match (encodings.next(), encodings.next()) {
            (None, _) => false,
            (Some(one), None) if one.eq_ignore_ascii_case("chunked") => true,
            _ => return Err(ReadError::Bad(501)),
        };
        let length = declared_length(request)?;
        if chunked && length.is_some() {
            return Err(ReadError::Bad(400));
        }
        let length = length.unwrap_or(0);
        if length > BODY_LIMIT {
            return Err(ReadError::Bad(413));
        }
        if (chunked || length > 0) && request.header("expect").next().is_some() {
            let mut stream = self.stream;
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        if chunked { self.chunks() } else { self.exactly(length) }
    }

    fn chunks(&mut self) -> Result<Vec<u8>, ReadError> {
        let mut body = Vec::new();
        loop {
            let size = self.chunk_size()?;
            if size == 0 {
                while !self.line()?.is_empty() {}
                return Ok(body);
            }
            if size > BODY_LIMIT.saturating_sub(body.len()) {
                return Err(ReadError::Bad(413));
            }
            body.extend(self.exactly(size)?);
            if !self.line()?.is_empty() {
                return Err(ReadError::Bad(400));
            }
        }
    }

    fn chunk_size(&mut self) -> Result<usize, ReadError> {
        let mut line = self.line()?;
        line.extend_from_slice(b"\r\n");
        match httparse::parse_chunk_size(&line) {
            Ok(httparse::Status::Complete((_, size))) => {
                usize::try_from(size).map_err(|_| ReadError::Bad(413))
            }
            _ => Err(ReadError::Bad(400)),
        }
    }

    /// One line without its end.
    fn line(&mut self) -> Result<Vec<u8>, ReadError> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\r\n") {
                let line = self.buffer.drain(..end + 2).take(end).collect();
                return Ok(line);
            }
            if self.buffer.len() >= HEAD_LIMIT {
                return Err(ReadError::Bad(400));
            }
            self.fill()?;
        }
    }

    fn exactly(&mut self, length: usize) -> Result<Vec<u8>, ReadError> {
        while self.buffer.len() < length {
            self.fill()?;
        }
        Ok(self.buffer.drain(..length).collect())
    }

    fn fill(&mut self) -> Result<(), ReadError> {
        let mut piece = [0; 8192];
        let mut stream = self.stream;
        loop {
            match stream.read(&mut piece) {
                Ok(0) => return Err(ReadError::Closed),
                Ok(length) => {
                    self.buffer.extend(piece.iter().take(length));
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Err(ReadError::Closed),
            }
        }
    }
}

/// The head at the start of `bytes` and its length; none when it is not complete yet.
fn parse_head(bytes: &[u8]) -> Result<Option<(Request, usize)>, ReadError> {
    let mut headers = [httparse::EMPTY_HEADER; HEADER_LIMIT];
    let mut head = httparse::Request::new(&mut headers);
    let length = match head.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err(ReadError::Bad(431)),
        Err(_) => return Err(ReadError::Bad(400)),
    };
    let (path, query) = split_target(head.path.unwrap_or_default());
    let mut request = Request {
        method: head.method.unwrap_or_default().to_owned(),
        path,
        query,
        headers: head.headers.iter().map(own_header).collect(),
        body: Vec::new(),
        keep_alive: head.version == Some(1),
    };
    let mut connection = request.header("connection");
    let closing = connection.any(|value| value.to_ascii_lowercase().contains("close"));
    drop(connection);
    request.keep_alive &= !closing;
    Ok(Some((request, length)))
}

/// Path and query pairs of a request target in origin or absolute form.
fn split_target(target: &str) -> (String, Pairs) {
    let target = target.split('#').next().unwrap_or_default();
    let target = match target.split_once("://") {
        Some((_, rest)) if !target.starts_with('/') => {
            rest.find(['/', '?']).map_or("/", |at| rest.get(at..).unwrap_or("/"))
        }
        _ => target,
    };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    (path.to_owned(), pairs(query.as_bytes()))
}

fn declared_length(request: &Request) -> Result<Option<usize>, ReadError> {
    let mut lengths = request.header("content-length");
    let Some(text) = lengths.next() else {
        return Ok(None);
    };
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits || lengths.next().is_some() {
        return Err(ReadError::Bad(400));
    }
    text.parse().map(Some).map_err(|_| ReadError::Bad(413))
}

fn own_header(header: &httparse::Header<'_>) -> (String, String) {
    let value = String::from_utf8_lossy(header.value).into_owned();
    (header.name.to_owned(), value)
}

fn pairs(encoded: &[u8]) -> Pairs {
    form_urlencoded::parse(encoded).into_owned().collect()
}

#[cfg(test)]
mod tests {
    use super::{ReadError, parse_head, split_target};

    #[test]
    fn a_head_is_read_when_it_is_complete() {
        let bytes = b"GET /a?b=c%20d&b=e HTTP/1.1\r\nHost: x\r\nX: 1\r\nx: 2\r\n\r\nrest";
        assert!(parse_head(&bytes[..20]).unwrap().is_none());
        let (request, length) = parse_head(bytes).unwrap().unwrap();
        assert_eq!(&bytes[length..], b"rest");
        assert_eq!(request.path, "/a");
        assert_eq!(request.query[0], ("b".to_owned(), "c d".to_owned()));
        assert_eq!(request.query[1], ("b".to_owned(), "e".to_owned()));
        assert_eq!(request.header("X").collect::<Vec<_>>(), ["1", "2"]);
        assert!(request.keep_alive);
    }

    #[test]
    fn an_absolute_target_is_cut_to_its_path() {
        assert_eq!(split_target("http://h:1/p?q=1").0, "/p");
        assert_eq!(split_target("http://h").0, "/");
        assert_eq!(split_target("/go?to=http://h/x").0, "/go");
        assert_eq!(split_target("*").0, "*");
    }

    #[test]
    fn junk_is_bad_and_not_a_panic() {
        for junk in [&b"\0\0\0\r\n\r\n"[..], b"GET\r\n\r\n", b"G@T / HTTP/9\r\n\r\n"] {
            assert!(matches!(parse_head(junk), Err(ReadError::Bad(400))));
        }
    }
}
