//! Which extra headers the `headers` format may carry.
//!
//! Owns the grammar of RFC 9110, section 5, and the list of names that belong to this program, to the client
//! or to the connection.

use crate::text::one_line;

/// All headers together, in bytes: Codex reads no more than 64 KiB, and the token needs room as well.
const SIZE_LIMIT: usize = 32 * 1024;

/// Names that are not ours to set, in lower case.
const RESERVED: [&str; 17] = [
    "accept",
    "authorization",
    "connection",
    "cookie",
    "dpop",
    "expect",
    "host",
    "keep-alive",
    "last-event-id",
    "mcp-protocol-version",
    "mcp-session-id",
    "origin",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
];

/// Beginnings of such names.
const RESERVED_PREFIXES: [&str; 3] = ["content-", "proxy-", "sec-"];

/// What is wrong with these headers, if anything. A value is never quoted: it may be a secret.
pub(super) fn problem(headers: &[(String, String)]) -> Option<String> {
    let mut seen: Vec<String> = Vec::new();
    let mut size = 0;
    for (name, value) in headers {
        let lower = name.to_ascii_lowercase();
        let rule = if !is_token(name) {
            "is not a header name"
        } else if is_reserved(&lower) {
            "is reserved; leave it out"
        } else if seen.contains(&lower) {
            "is there twice, and case does not matter"
        } else if !is_value(value) {
            "has a value that cannot stand in a header (printable ASCII, no blank at the ends)"
        } else {
            seen.push(lower);
            size += name.len() + value.len();
            continue;
        };
        return Some(format!("has the header `{}`, which {rule}", one_line(name)));
    }
    (size > SIZE_LIMIT).then(|| format!("is larger than {SIZE_LIMIT} bytes"))
}

fn is_reserved(lower: &str) -> bool {
    RESERVED.contains(&lower) || RESERVED_PREFIXES.iter().any(|prefix| lower.starts_with(prefix))
}

/// RFC 9110, section 5.6.2.
fn is_token(name: &str) -> bool {
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(valid)
}

/// RFC 9110, section 5.5, without the obsolete bytes above ASCII.
fn is_value(value: &str) -> bool {
    value.trim() == value && value.bytes().all(|byte| matches!(byte, b'\t' | 0x20..=0x7e))
}
