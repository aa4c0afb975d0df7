//! What a caller hands over on standard input.
#![no_main]

use fuzz::laws::request::any;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| any(bytes));
