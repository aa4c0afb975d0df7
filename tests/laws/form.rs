//! `application/x-www-form-urlencoded` and percent-encoding, read by other means than the program's.

/// Names and values of a query, decoded.
pub fn pairs(query: &str) -> Vec<(String, String)> {
    let parts = query.split('&').filter(|part| !part.is_empty());
    parts.map(|part| part.split_once('=').unwrap_or((part, ""))).map(|(n, v)| (value(n), value(v))).collect()
}

/// The values of `name` in a query.
pub fn values(query: &str, name: &str) -> Vec<String> {
    pairs(query).into_iter().filter(|(known, _)| known == name).map(|(_, value)| value).collect()
}

fn value(text: &str) -> String {
    String::from_utf8_lossy(&unescaped(&text.replace('+', " "))).into_owned()
}

/// The bytes behind the `%XX` of `text`. A `%` that begins none stands for itself.
pub fn unescaped(text: &str) -> Vec<u8> {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let [first, after @ ..] = rest {
        match after {
            [high, low, beyond @ ..]
                if *first == b'%' && [high, low].iter().all(|d| d.is_ascii_hexdigit()) =>
            {
                bytes.push(digit(*high) * 16 + digit(*low));
                rest = beyond;
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    bytes
}

fn digit(hex: u8) -> u8 {
    match hex.to_ascii_lowercase() {
        letter @ b'a'..=b'f' => letter - b'a' + 10,
        number => number - b'0',
    }
}
