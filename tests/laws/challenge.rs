//! A challenge is read from any field without harm, and nothing around it hides it.

use mcp_credential::oauth::challenge::Challenge;

/// Fields of other schemes, as servers send them beside ours.
const OTHERS: [&str; 4] = [
    "Negotiate",
    "Negotiate YIIJvwYGKwYBBQUCoIIJszCCCa+gJDAi==",
    r#"Basic realm="a, \"b\" Bearer c=d", charset="UTF-8""#,
    r#"Digest realm="x", qop="auth, auth-int", algorithm=SHA-256, nonce="n", opaque="""#,
];

/// The law for any field.
pub fn any(field: &str) {
    let found = Challenge::pick([field]);
    for other in OTHERS {
        assert_eq!(Challenge::pick([other, field]), found, "{other} hides it");
        assert_eq!(Challenge::pick([field, other]), found, "{other} hides it");
        if !begins_with_parameter(field) {
            assert_eq!(Challenge::pick([format!("{other} , {field}")]), found, "{other} hides it");
        }
    }
    assert_eq!(Challenge::pick([field, field]), found);
    assert_eq!(Challenge::pick([format!(" ,\t, {field}")]), found);
    if let Some(found) = found {
        sound(&found);
    }
}

/// Whether the beginning of `field` would belong to a challenge before it.
fn begins_with_parameter(field: &str) -> bool {
    let rest = field.trim_start_matches([',', ' ', '\t']).trim_start_matches(is_token);
    rest.trim_start_matches([' ', '\t']).starts_with('=')
}

fn is_token(character: char) -> bool {
    character.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(character)
}

fn sound(found: &Challenge) {
    let texts = [&found.resource_metadata, &found.scope, &found.error, &found.error_description];
    assert!(texts.into_iter().flatten().all(|text| !text.is_empty()), "{found:?} holds an empty text");
    if let Some(scope) = &found.scope {
        assert!(scope.split(' ').any(|name| !name.is_empty()), "{scope:?} names nothing");
        let printable = |byte: u8| (0x20..0x7f).contains(&byte) && byte != b'"' && byte != b'\\';
        assert!(scope.bytes().all(printable), "{scope:?} is no scope");
        let count = scope.split(' ').filter(|name| !name.is_empty()).count();
        assert!(scope.len() <= 4096 && count <= 100, "{scope:?} is a flood");
    }
}
