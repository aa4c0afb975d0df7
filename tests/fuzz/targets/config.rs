//! The text of `config.json`: loaded, added to, taken from.
#![no_main]

use fuzz::laws::config::{Home, any};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static HOME: LazyLock<Home> = LazyLock::new(Home::new);

fuzz_target!(|text: &str| any(&HOME, text));
