//! Which URL may be handed to a browser, and how it is written so that nothing on the way reads more into it.
//!
//! Owns one rule, pure. It starts nothing; `browser` does, and never through a shell. But what starts a
//! browser is often somebody else's script (`xdg-open`, a `$BROWSER` template, a WSL bridge), so the URL
//! itself must hold nothing that a shell could act on (the class of CVE-2025-6514).
//!
//! What stays as it is: the unreserved characters of RFC 3986, and `/ : @ + =`, `&` between parameters,
//! the one `?`, escapes `%XX`, and the brackets of an IPv6 host. Every other character of path and query
//! is percent-encoded, which servers decode again: `|` `` ` `` `$` `(` `)` `^` `;` `,` `!` `*` `'` `"` `<`
//! `>` `{` `}` `[` `]` `\` blank and a stray `%` mean something to sh, cmd.exe or PowerShell. `+` stays,
//! because in a query it is a blank. Limit: `&` must stay, and cmd.exe may see a variable in `%CD%20`: one
//! more reason why there is no shell.

use super::url::endpoint;
use std::fmt::Write;
use url::Url;

/// The longest URL that is opened, in bytes. Many servers stop at half of it.
pub const MAX_URL: usize = 16 * 1024;

const PATH: &[u8] = b"/:@+=";
const QUERY: &[u8] = b"/:@+=&";

/// `text` as one argument that may be handed to a browser: an absolute https URL (http for loopback
/// alone), re-written as the head of this file says. What is safe already comes back unchanged.
///
/// # Errors
/// A sentence that says why it must not be opened. It quotes nothing of `text` but its scheme.
pub fn safe_to_open(text: &str) -> Result<String, String> {
    if text.starts_with('-') {
        return Err("it starts with `-` and could be taken for an option".to_owned());
    }
    let url = endpoint(&text.replace(' ', "%20"))?;
    if url.fragment().is_some() {
        return Err("it has a fragment (`#…`), which RFC 6749, section 3.1, forbids".to_owned());
    }
    let safe = rewritten(&url, plain_host(&url)?);
    if safe.len() > MAX_URL {
        return Err(format!("it is longer than {MAX_URL} bytes"));
    }
    Ok(safe)
}

/// `value` for use in a query: every byte that is not unreserved (RFC 3986, section 2.3) as `%XX`.
#[must_use]
pub fn encode_value(value: &str) -> String {
    let mut encoded = String::with_capacity(value.len());
    value.bytes().for_each(|byte| push(&mut encoded, byte, b""));
    encoded
}

/// The host, where it is written with the characters of host names and addresses alone. The URL standard
/// allows more: `$(x)`, quotes and backquotes among them.
fn plain_host(url: &Url) -> Result<&str, String> {
    let host = url.host_str().unwrap_or_default();
    let name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let address = |byte: u8| byte.is_ascii_hexdigit() || matches!(byte, b'[' | b']' | b':' | b'.');
    if host.starts_with('-') {
        return Err("its host starts with `-`".to_owned());
    }
    let plain = if host.starts_with('[') { host.bytes().all(address) } else { host.bytes().all(name) };
    if plain { Ok(host) } else { Err("its host holds characters that no host name has".to_owned()) }
}

fn rewritten(url: &Url, host: &str) -> String {
    let mut safe = format!("{}://{host}", url.scheme());
    if let Some(port) = url.port() {
        let _ = write!(safe, ":{port}");
    }
    push_part(&mut safe, url.path(), PATH);
    if let Some(query) = url.query() {
        safe.push('?');
        push_part(&mut safe, query, QUERY);
    }
    safe
}

/// Appends `part`; an escape that is one stays, a `%` that is none becomes `%25`.
fn push_part(safe: &mut String, part: &str, kept: &[u8]) {
    let bytes = part.as_bytes();
    for (at, &byte) in bytes.iter().enumerate() {
        let escape = byte == b'%'
            && bytes.get(at + 1..at + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        if escape {
            safe.push('%');
        } else {
            push(safe, byte, kept);
        }
    }
}

fn push(encoded: &mut String, byte: u8, kept: &[u8]) {
    if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || kept.contains(&byte) {
        encoded.push(char::from(byte));
    } else {
        let _ = write!(encoded, "%{byte:02X}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The characters that may remain, an escape counting as a whole.
    fn holds_nothing_special(url: &str) -> bool {
        let bytes = url.as_bytes();
        url.matches('?').count() <= 1
            && bytes.iter().enumerate().all(|(at, byte)| match byte {
                b'%' => bytes.get(at + 1..at + 3).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)),
                byte => byte.is_ascii_alphanumeric() || b"-._~/:@+=&?".contains(byte),
            })
    }

    #[test]
    fn case_22_what_a_shell_would_act_on_is_encoded() {
        for (payload, encoded) in [
            ("|calc", "%7Ccalc"),
            ("`id`", "%60id%60"),
            ("$(id)", "%24%28id%29"),
            ("^|x", "%5E%7Cx"),
            ("%PATH%", "%25PATH%25"),
            ("%", "%25"),
            ("%4", "%254"),
            ("%7c", "%7c"),
            ("a b", "a%20b"),
            ("'\"'", "%27%22%27"),
            ("a;b,c", "a%3Bb%2Cc"),
            ("!x*{1}", "%21x%2A%7B1%7D"),
            ("<[>]", "%3C%5B%3E%5D"),
            ("é", "%C3%A9"),
        ] {
            let query = safe_to_open(&format!("https://a.example/x?q={payload}")).unwrap();
            assert_eq!(query, format!("https://a.example/x?q={encoded}"));
            let path = safe_to_open(&format!("https://a.example/p/{payload}/q")).unwrap();
            assert_eq!(path, format!("https://a.example/p/{encoded}/q"));
        }
    }

    #[test]
    fn case_22_an_ampersand_separates_parameters_and_is_encoded_elsewhere() {
        assert_eq!(safe_to_open("https://a.example/x^&y").unwrap(), "https://a.example/x%5E%26y");
        assert_eq!(safe_to_open("https://a.example/?a=^&b=?").unwrap(), "https://a.example/?a=%5E&b=%3F");
    }

    #[test]
    fn case_22_a_host_that_only_the_url_standard_would_allow_is_refused() {
        for host in ["$(calc)", "a`id`", "a'b", "a;b", "a!b", "a{b}", "a,b", "a&b"] {
            assert!(safe_to_open(&format!("https://{host}/")).is_err(), "{host}");
        }
    }

    #[test]
    fn case_23_what_starts_with_a_dash_is_refused() {
        for url in ["-https://a.example/", "--version", "https://-a.example/", "https://-/"] {
            assert!(safe_to_open(url).is_err(), "{url}");
        }
    }

    #[test]
    fn only_https_and_loopback_http_may_be_opened() {
        for url in [
            "javascript:alert(1)",
            "file:///etc/passwd",
            "data:text/html,x",
            "ms-msdt:/id",
            "http://a.example/",
            "https://u@a.example/",
            "https://a.example/#x|calc",
            "https://a.example/\n",
            " https://a.example/",
            "https://a b/",
            "",
        ] {
            assert!(safe_to_open(url).is_err(), "{url:?}");
        }
        assert_eq!(safe_to_open("http://[::1]:8080/x").unwrap(), "http://[::1]:8080/x");
        assert!(safe_to_open(&format!("https://a.example/{}", "x".repeat(MAX_URL))).is_err());
    }

    #[test]
    fn every_pair_of_characters_comes_out_safe_and_safe_urls_do_not_change() {
        for (one, two) in (0x20..0x7f_u8).flat_map(|one| (0x20..0x7f_u8).map(move |two| (one, two))) {
            let pair = format!("{}{}", char::from(one), char::from(two));
            for text in [format!("https://a.example/{pair}z"), format!("https://a.example/p?{pair}z")] {
                let Ok(safe) = safe_to_open(&text) else {
                    assert!(pair.contains('#'), "{text} was refused");
                    continue;
                };
                assert!(holds_nothing_special(&safe), "{text} became {safe}");
                assert_eq!(safe_to_open(&safe).unwrap(), safe, "{text}");
                assert_eq!(Url::parse(&safe).unwrap().as_str(), safe, "{text}");
            }
        }
    }

    #[test]
    fn an_encoded_value_decodes_to_the_same_bytes() {
        let value: String = (0..0x250).filter_map(char::from_u32).collect();
        let query = format!("v={}", encode_value(&value));
        let (_, decoded) = url::form_urlencoded::parse(query.as_bytes()).next().unwrap();
        assert_eq!(decoded, value);
        assert!(holds_nothing_special(&query));
    }
}
