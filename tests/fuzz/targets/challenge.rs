//! A `WWW-Authenticate` field.
#![no_main]

use fuzz::laws::challenge;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| challenge::any(&String::from_utf8_lossy(bytes)));
