//! What a token endpoint answers: status and `Content-Type` in the first line, then the body.
#![no_main]

use fuzz::laws::token_answer::any;
use libfuzzer_sys::fuzz_target;
use mcp_credential::clock::LAST_SECOND;

fuzz_target!(|bytes: &[u8]| {
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let Ok(line) = str::from_utf8(&bytes[..end]) else { return };
    let (status, kind) = line.split_once(' ').unwrap_or((line, ""));
    let Ok(status) = status.parse() else { return };
    let body = bytes.get(end + 1..).unwrap_or_default();
    for sent_at in [1_700_000_000, LAST_SECOND - 1, u64::MAX] {
        any(status, kind, body, sent_at);
    }
});
