//! URLs put together from parts that parsers disagree about.

use crate::one_of;
use proptest::prelude::*;

/// Hosts that are this machine, that look like it, and others.
const HOSTS: [&str; 30] = [
    "mcp.example.com",
    "MCP.Example.COM",
    "mcp.example.com.",
    "localhost",
    "LOCALHOST.",
    "localhost.evil.example",
    "evil-localhost",
    "127.0.0.1",
    "127.1",
    "0x7f.1",
    "017700000001",
    "2130706433",
    "127.0.0.1.evil.example",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:10.0.0.1]",
    "[fe80::1]",
    "10.0.0.1",
    "0.0.0.0",
    "169.254.169.254",
    "xn--bcher-kva.example",
    "bücher.example",
    "a_b.example",
    "-a.example",
    "$(id)",
    "a%41b",
    "a%00b",
    "％41",
    "",
];

/// What a shell, a terminal or a parser may act on, alone and in pieces of escapes.
const PIECES: [&str; 46] = [
    "|",
    "`",
    "$",
    "(",
    ")",
    "^",
    ";",
    ",",
    "!",
    "*",
    "'",
    "\"",
    "<",
    ">",
    "{",
    "}",
    "[",
    "]",
    "\\",
    " ",
    "%",
    "%2",
    "%2f",
    "%2E",
    "%00",
    "%PATH%",
    "&",
    "=",
    "+",
    "?",
    "#",
    "@",
    ":",
    "/",
    "//",
    "/../",
    "/./",
    "~",
    "-",
    "_",
    ".",
    "a",
    "Z9",
    "é",
    "\u{202e}",
    "\u{1f600}",
];

/// Pieces in a row.
pub fn soup(most: usize) -> impl Strategy<Value = String> {
    let piece =
        prop_oneof![8 => one_of(PIECES).prop_map(str::to_owned), 1 => any::<char>().prop_map(String::from)];
    prop::collection::vec(piece, 0..=most).prop_map(|pieces| pieces.concat())
}

/// Something like a URL, often a sound one.
pub fn urlish() -> impl Strategy<Value = String> {
    let scheme = one_of([
        "https",
        "https",
        "https",
        "http",
        "http",
        "HTTPS",
        "ftp",
        "file",
        "javascript",
        "-https",
        "",
    ]);
    let colon = prop_oneof![6 => Just("://"), 1 => one_of([":", ":/", ":\\\\", "//", ":///"])];
    let user = prop_oneof![8 => Just(""), 1 => one_of(["u@", "u:p@", "@", ":@", "a%40b@"])];
    let port = one_of(["", "", "", ":443", ":80", ":8443", ":0", ":99999", ":x", ":"]);
    let path = prop_oneof![1 => Just(String::new()), 3 => soup(6).prop_map(|path| format!("/{path}"))];
    let query = soup(8).prop_map(|query| format!("?{query}"));
    let tail = prop_oneof![3 => Just(String::new()), 3 => query, 1 => Just("#x".to_owned())];
    (scheme, colon, user, one_of(HOSTS), port, path, tail)
        .prop_map(|(a, b, c, d, e, f, g)| [a, b, c, d, e, &f, &g].concat())
}

/// Any text at all, or something like a URL.
pub fn text() -> impl Strategy<Value = String> {
    prop_oneof![1 => any::<String>(), 1 => soup(12), 8 => urlish()]
}

/// The address in one of the spellings that the URL standard reads.
pub fn ipv4_host() -> impl Strategy<Value = (std::net::Ipv4Addr, String)> {
    let special = one_of([0, 10, 100, 126, 128, 169, 172, 192, 198, 224]);
    let first = prop_oneof![3 => Just(127_u8), 2 => special, 2 => any::<u8>()];
    let second =
        prop_oneof![1 => one_of([0, 15, 16, 18, 31, 32, 63, 64, 100, 127, 128, 168, 254]), 1 => any::<u8>()];
    let octets = (first, second, prop_oneof![Just(0), any::<u8>()], any::<u8>());
    (octets, 0..8_usize).prop_map(|((a, b, c, d), style)| {
        let address = std::net::Ipv4Addr::new(a, b, c, d);
        let (bits, low) = (address.to_bits(), u32::from_be_bytes([0, b, c, d]));
        let (high, lower) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        let host = match style {
            0 => bits.to_string(),
            1 => format!("0x{bits:x}"),
            2 => format!("{a}.{low}"),
            3 => format!("0{a:o}.0X{b:x}.{lower}"),
            4 => format!("[::ffff:{address}]"),
            5 => format!("[::ffff:{high:x}:{lower:x}]"),
            6 => format!("{address}."),
            _ => address.to_string(),
        };
        (address, host)
    })
}
