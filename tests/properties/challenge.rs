//! `src/oauth/challenge`: what an MCP server may say when it refuses.

use crate::laws::challenge::any as law;
use crate::{holds, one_of, urls};
use mcp_credential::oauth::challenge::{Challenge, Scheme};
use proptest::prelude::*;

/// A challenge before it is written down.
#[derive(Debug, Clone)]
struct Model {
    scheme: &'static str,
    params: Vec<(&'static str, String)>,
    token68: Option<String>,
}

/// How it is written.
#[derive(Debug, Clone)]
struct Style {
    upper: bool,
    quoted: bool,
    escape_every: usize,
    equals: &'static str,
    comma: &'static str,
}

fn style() -> impl Strategy<Value = Style> {
    let equals = one_of(["=", "=", " = ", "= ", "\t="]);
    let comma = one_of([", ", ",", " ,\t", ",, , "]);
    (any::<bool>(), any::<bool>(), 2..9_usize, equals, comma).prop_map(
        |(upper, quoted, escape_every, equals, comma)| Style { upper, quoted, escape_every, equals, comma },
    )
}

fn value() -> impl Strategy<Value = String> {
    let usual = [
        "https://a.example/.well-known/x?y=1&z",
        "mcp:read mcp:write",
        "a",
        "invalid_token",
        "insufficient_scope",
        "a, Bearer b=\"c\"",
        "\\",
        "\"",
        "é",
    ];
    prop_oneof![4 => one_of(usual).prop_map(str::to_owned), 1 => "[ -~]{1,12}", 1 => urls::soup(4)]
}

fn model() -> impl Strategy<Value = Model> {
    let names =
        ["resource_metadata", "resource_metadata", "scope", "error", "error_description", "realm", "algs"];
    let params = || prop::collection::vec((one_of(names), value()), 0..5);
    let ours = (one_of(["Bearer", "Bearer", "DPoP"]), params());
    let ours = ours.prop_map(|(scheme, params)| Model { scheme, params, token68: None });
    let theirs = one_of(["Basic", "Digest", "Negotiate", "NTLM", "Bearer2", "X-Bearer", "DPoPx", "Mutual"]);
    let token68 = prop::option::of("[A-Za-z0-9._~+/-]{1,20}={0,2}");
    let theirs = (theirs, params(), token68).prop_map(|(scheme, params, token68)| Model {
        scheme,
        params: if token68.is_some() { Vec::new() } else { params },
        token68,
    });
    prop_oneof![2 => ours, 1 => theirs]
}

fn cased(text: &str, upper: bool) -> String {
    if upper { text.to_uppercase() } else { text.to_lowercase() }
}

/// RFC 9110, section 11.6.1, with all the freedom that it leaves.
fn written(model: &Model, style: &Style) -> String {
    let scheme = cased(model.scheme, style.upper);
    let param = |(name, value): &(&str, String)| {
        // What ends in `=` alone would be a token68.
        let plain = !value.trim_end_matches('=').is_empty()
            && value.bytes().all(|b| b.is_ascii_graphic() && b != b',' && b != b'"');
        let value = if plain && !style.quoted { value.clone() } else { quoted(value, style.escape_every) };
        format!("{}{}{value}", cased(name, !style.upper), style.equals)
    };
    let params: Vec<String> = model.params.iter().map(param).collect();
    let tail = model.token68.clone().unwrap_or_else(|| params.join(style.comma));
    if tail.is_empty() { scheme } else { format!("{scheme} {tail}") }
}

fn quoted(value: &str, escape_every: usize) -> String {
    let escape = |(at, c): (usize, char)| {
        if c == '"' || c == '\\' || (c.is_ascii() && at % escape_every == 1) {
            format!("\\{c}")
        } else {
            c.to_string()
        }
    };
    format!("\"{}\"", value.chars().enumerate().map(escape).collect::<String>())
}

/// What `model` means, if we know its scheme.
fn meant(model: &Model) -> Option<Challenge> {
    let scheme = match model.scheme {
        "Bearer" => Scheme::Bearer,
        "DPoP" => Scheme::Dpop,
        _ => return None,
    };
    let value = |name: &str| {
        let mut values: Vec<&String> =
            model.params.iter().filter(|(known, _)| *known == name).map(|(_, value)| value).collect();
        values.dedup();
        match values[..] {
            [value] if !value.is_empty() => Some(value.clone()),
            _ => None,
        }
    };
    let scope = value("scope").filter(|scope| {
        let token = |b: u8| (0x20..0x7f).contains(&b) && b != b'"' && b != b'\\';
        scope.bytes().all(token) && scope.bytes().any(|b| b != b' ')
    });
    Some(Challenge {
        scheme,
        resource_metadata: value("resource_metadata"),
        scope,
        error: value("error"),
        error_description: value("error_description"),
    })
}

/// The one to follow: it wants more scope, then it names its metadata, then Bearer, then the first. The first
/// place of metadata that any of ours names is used.
fn best(models: &[Model]) -> Option<Challenge> {
    let all: Vec<Challenge> = models.iter().filter_map(meant).collect();
    let rank = |challenge: &Challenge| {
        2 * u8::from(challenge.resource_metadata.is_none()) + u8::from(challenge.scheme == Scheme::Dpop)
    };
    let first = |among: &[Challenge]| {
        let least = among.iter().map(rank).min()?;
        among.iter().find(|challenge| rank(challenge) == least).cloned()
    };
    let wants_more = |challenge: &&Challenge| challenge.error.as_deref() == Some("insufficient_scope");
    let wanting: Vec<Challenge> = all.iter().filter(wants_more).cloned().collect();
    let mut best = first(if wanting.is_empty() { &all } else { &wanting })?;
    best.resource_metadata = best.resource_metadata.or(first(&all)?.resource_metadata);
    Some(best)
}

#[test]
fn any_field_is_read_without_harm_and_no_other_scheme_hides_ours() {
    let fields = prop::collection::vec((model(), style()), 1..4).prop_map(|all| {
        all.iter().map(|(model, style)| written(model, style)).collect::<Vec<_>>().join(", ")
    });
    let cut = (fields, any::<prop::sample::Index>(), urls::soup(3)).prop_map(|(field, at, junk)| {
        let at = field.floor_char_boundary(at.index(field.len() + 1));
        format!("{}{junk}{}", &field[..at], &field[at..])
    });
    holds(prop_oneof![cut, any::<String>(), urls::soup(12)], |field| law(&field));
}

#[test]
fn challenges_mean_the_same_in_any_order_of_schemes_case_quoting_and_number_of_fields() {
    let challenge = (model(), style(), any::<bool>());
    holds(prop::collection::vec(challenge, 0..5), |challenges| {
        let models: Vec<Model> = challenges.iter().map(|(model, ..)| model.clone()).collect();
        let mut fields: Vec<String> = Vec::new();
        for (model, style, joined) in &challenges {
            let text = written(model, style);
            match fields.last_mut() {
                Some(field) if *joined => *field = format!("{field}{}{text}", style.comma),
                _ => fields.push(text),
            }
        }
        assert_eq!(Challenge::pick(&fields), best(&models), "{fields:?}");
    });
}

#[test]
fn the_order_of_parameters_means_nothing() {
    holds((model(), style(), any::<prop::sample::Index>()), |(model, style, turn)| {
        let mut turned = model.clone();
        // Of parameters that are repeated the first place counts for nothing either.
        turned.params.rotate_left(turn.index(model.params.len().max(1)).min(model.params.len()));
        let pick = |model: &Model| Challenge::pick([written(model, &style)]);
        assert_eq!(pick(&turned), pick(&model));
    });
}
