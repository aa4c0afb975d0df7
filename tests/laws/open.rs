//! What may be handed to a browser holds nothing that a shell acts on, and still names the same target.

use super::form;
use mcp_credential::oauth::open::{MAX_URL, safe_to_open};
use url::Url;

/// The law for any text.
pub fn any(text: &str) {
    let Ok(safe) = safe_to_open(text) else { return };
    assert!(safe.len() <= MAX_URL);
    assert!(!text.starts_with('-') && !safe.starts_with('-'));
    inert(&safe);
    assert_eq!(safe_to_open(&safe).as_ref(), Ok(&safe), "safe twice is safe once");
    same_target(text, &safe);
}

/// Letters, digits, `-._~/:@+=%`, the `?` that begins the query and the `&` that separate its parameters;
/// brackets around an IPv6 address alone.
fn inert(safe: &str) {
    let (before, query) = safe.split_once('?').unwrap_or((safe, ""));
    let (scheme, rest) = before.split_once("://").unwrap();
    let (authority, path) = rest.split_at(rest.find('/').unwrap());
    assert!(scheme == "https" || scheme == "http", "{safe}");
    assert!(!authority.starts_with('-'), "{safe}");
    assert!(
        authority.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte)),
        "{safe}"
    );
    assert!(authority.starts_with('[') || !authority.contains(['[', ']']), "{safe}");
    assert!(path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~/:@+=%".contains(&byte)), "{safe}");
    let of_query = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/:@+=%&".contains(&byte);
    assert!(query.bytes().all(of_query), "{safe}");
    // `%PATH%` would be a variable to cmd.exe: every `%` begins an escape.
    for (at, _) in safe.match_indices('%') {
        let digits = safe.as_bytes().get(at + 1..at + 3);
        assert!(digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)), "{safe}");
    }
}

/// The same origin, the same path and the same parameters after decoding.
fn same_target(text: &str, safe: &str) {
    let (written, made) = (Url::parse(&text.replace(' ', "%20")).unwrap(), Url::parse(safe).unwrap());
    super::url::usable(&made);
    assert_eq!(written.origin(), made.origin(), "{text:?} became {safe}");
    let segments = |url: &Url| url.path().split('/').map(form::unescaped).collect::<Vec<_>>();
    assert_eq!(segments(&written), segments(&made), "{text:?} became {safe}");
    let pairs = |url: &Url| url.query().map(form::pairs);
    assert_eq!(pairs(&written), pairs(&made), "{text:?} became {safe}");
    assert_eq!(made.as_str(), safe, "a browser reads it as it is written");
}
