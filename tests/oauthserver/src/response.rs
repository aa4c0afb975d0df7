//! An HTTP answer and its bytes.
//!
//! Knows nothing of OAuth. `Content-Length` and `Connection` are added when the bytes are made.

use serde_json::Value;

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// An answer without a body.
    pub(crate) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    /// A JSON answer; `no-store`, because most of ours hold tokens.
    pub(crate) fn json(status: u16, value: &Value) -> Self {
        Self::text(status, "application/json", value.to_string()).header("Cache-Control", "no-store")
    }

    /// An HTML page that may load nothing.
    pub(crate) fn html(status: u16, body: &str) -> Self {
        let page = format!("<!doctype html><title>oauthserver</title>{body}\n");
        Self::text(status, "text/html; charset=utf-8", page)
            .header("Content-Security-Policy", "default-src 'none'")
            .header("Cache-Control", "no-store")
    }

    /// A body of some media type.
    pub(crate) fn text(status: u16, media: &str, body: impl Into<Vec<u8>>) -> Self {
        let mut response = Self::empty(status).header("Content-Type", media);
        response.body = body.into();
        response
    }

    /// A redirect.
    pub(crate) fn redirect(status: u16, location: &str) -> Self {
        Self::empty(status).header("Location", location)
    }

    /// With one more header.
    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// The bytes on the wire; `bodiless` for an answer to HEAD.
    pub(crate) fn bytes(&self, keep_alive: bool, bodiless: bool) -> Vec<u8> {
        let mut bytes = self.head(self.body.len() as u64, keep_alive);
        if !bodiless {
            bytes.extend_from_slice(&self.body);
        }
        bytes
    }

    /// The head for a body of `length` bytes.
    pub(crate) fn head(&self, length: u64, keep_alive: bool) -> Vec<u8> {
        let mut lines = vec![format!("HTTP/1.1 {} {}", self.status, reason(self.status))];
        // Headers of scripted answers come from tests; a line break in one would be another answer.
        let plain = |value: &str| value.replace(['\r', '\n'], " ");
        let headers = self.headers.iter();
        lines.extend(headers.map(|(name, value)| format!("{name}: {}", plain(value))));
        if self.status != 204 {
            lines.push(format!("Content-Length: {length}"));
        }
        let connection = if keep_alive { "keep-alive" } else { "close" };
        lines.push(format!("Connection: {connection}\r\n\r\n"));
        lines.join("\r\n").into_bytes()
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Status",
    }
}
