//! Discovery in a hostile world. The first line chooses the server and holds the challenge; each further line is
//! a document, with an HTTP status before it where that is not 200.
#![no_main]

use fuzz::laws::discovery::{World, any};
use libfuzzer_sys::fuzz_target;

const SERVERS: [&str; 4] = [
    "https://mcp.example.com/mcp",
    "http://127.0.0.1:8000/a/b?x=1",
    "https://10.0.0.7/",
    "https://mcp.example.com",
];

fuzz_target!(|bytes: &[u8]| {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let Some([choice, challenge @ ..]) = lines.next() else { return };
    let status = if choice.is_ascii_uppercase() { 200 } else { 401 };
    let ping = (status, String::from_utf8_lossy(challenge).into_owned());
    let world = World::new(ping, lines.map(document).collect());
    any(SERVERS[usize::from(*choice) % SERVERS.len()], &world);
});

fn document(line: &[u8]) -> (u16, Vec<u8>) {
    let status = line.get(..3).and_then(|digits| str::from_utf8(digits).ok()?.parse().ok());
    match status {
        Some(status) => (status, line[3..].to_vec()),
        None => (200, line.to_vec()),
    }
}
