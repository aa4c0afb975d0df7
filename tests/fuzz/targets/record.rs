//! A sealed file, and what a newer version may have sealed: the first line is the clear part, the rest is the
//! sealed one.
#![no_main]

use fuzz::laws::record::{content, forged};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    forged(bytes);
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    if let Ok(clear) = str::from_utf8(&bytes[..end]) {
        content(clear, bytes.get(end + 1..).unwrap_or_default());
    }
});
