//! Bytes that arrive at the callback listener.
#![no_main]

use fuzz::laws::callback;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| callback::any(bytes));
