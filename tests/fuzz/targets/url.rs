//! A URL from a configuration or a server, on its way to a request, a browser or a message.
#![no_main]

use fuzz::laws::{open, shown, url};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    url::any(text);
    open::any(text);
    shown::line(text);
});
