//! The head of one HTTP/1.x request, read from bytes that anybody may have sent.
//!
//! Owns the limits of what is looked at. It reads no sockets and judges nothing.

use std::fmt;

/// The largest request head that is read, in bytes.
pub const HEAD_LIMIT: usize = 16 * 1024;

/// The most header fields that are read; browsers send about twenty.
const FIELD_LIMIT: usize = 128;

/// What the judge needs of a request.
pub struct RequestHead<'a> {
    /// The method, as it came.
    pub method: &'a str,
    /// The request target, as it came. It may hold a code: never logged, never shown.
    pub target: &'a str,
    /// The value of every `Host` field, as it came.
    pub hosts: Vec<&'a [u8]>,
}

impl fmt::Debug for RequestHead<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestHead").field("method", &self.method).finish_non_exhaustive()
    }
}

/// What some bytes are.
#[derive(Debug)]
pub enum Parsed<'a> {
    /// The beginning of a head.
    Partial,
    /// Something that no more bytes will make a request of.
    Invalid,
    /// A whole head; what follows it is not looked at.
    Whole(RequestHead<'a>),
}

/// Reads the head at the start of `bytes`. What fills [`HEAD_LIMIT`] without coming to an end is invalid.
#[must_use]
pub fn parse(bytes: &[u8]) -> Parsed<'_> {
    let mut fields = [httparse::EMPTY_HEADER; FIELD_LIMIT];
    let mut request = httparse::Request::new(&mut fields);
    match request.parse(bytes) {
        Ok(httparse::Status::Complete(length)) if length <= HEAD_LIMIT => whole(&request),
        Ok(httparse::Status::Partial) if bytes.len() < HEAD_LIMIT => Parsed::Partial,
        _ => Parsed::Invalid,
    }
}

fn whole<'a>(request: &httparse::Request<'_, 'a>) -> Parsed<'a> {
    let (Some(method), Some(target)) = (request.method, request.path) else { return Parsed::Invalid };
    let host = |field: &&httparse::Header<'a>| field.name.eq_ignore_ascii_case("host");
    let hosts = request.headers.iter().filter(host).map(|field| field.value).collect();
    Parsed::Whole(RequestHead { method, target, hosts })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_host_field_is_seen_whatever_its_spelling() {
        let Parsed::Whole(head) = parse(b"GET /x?y HTTP/1.1\r\nHost: a\r\nX: 1\r\nhOST: b\r\n\r\nbody")
        else {
            panic!("a whole head")
        };
        assert_eq!((head.method, head.target), ("GET", "/x?y"));
        assert_eq!(head.hosts, [b"a", b"b"]);
    }

    #[test]
    fn a_head_is_whole_partial_or_invalid_at_every_length() {
        let text = b"GET /callback?state=s HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n";
        for length in 0..text.len() {
            assert!(matches!(parse(&text[..length]), Parsed::Partial), "{length}");
        }
        assert!(matches!(parse(text), Parsed::Whole(_)));
        for junk in [&b"\x16\x03\x01\x02\x00"[..], b"GET / HTTP/9.9\r\n\r\n", b"GET\0/ HTTP/1.1\r\n\r\n"] {
            assert!(matches!(parse(junk), Parsed::Invalid), "{junk:?}");
        }
    }

    #[test]
    fn a_head_beyond_the_limit_is_invalid_before_it_ends() {
        let endless = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(HEAD_LIMIT));
        assert!(matches!(parse(&endless.as_bytes()[..HEAD_LIMIT - 1]), Parsed::Partial));
        assert!(matches!(parse(&endless.as_bytes()[..HEAD_LIMIT]), Parsed::Invalid));
        let fields = "X: 1\r\n".repeat(FIELD_LIMIT + 1);
        assert!(matches!(parse(format!("GET / HTTP/1.1\r\n{fields}\r\n").as_bytes()), Parsed::Invalid));
    }

    #[test]
    fn debug_does_not_show_the_target() {
        let head = RequestHead { method: "GET", target: "/callback?code=hunter2", hosts: vec![] };
        assert!(!format!("{:?}", Parsed::Whole(head)).contains("hunter2"));
    }
}
