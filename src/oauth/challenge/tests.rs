//! Fields as servers write them, well and badly.

use super::*;

fn pick(field: &str) -> Option<Challenge> {
    Challenge::pick([field])
}

fn metadata(field: &str) -> Option<String> {
    pick(field)?.resource_metadata
}

#[test]
fn every_parameter_of_a_bearer_challenge_is_read_rule_1() {
    let challenge = pick(
        r#"Bearer realm="x", error="insufficient_scope", error_description="needs \"more\"", scope="a b", resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource?a=1,2""#,
    );
    let expected = Challenge {
        scheme: Scheme::Bearer,
        resource_metadata: Some(
            "https://mcp.example.com/.well-known/oauth-protected-resource?a=1,2".to_owned(),
        ),
        scope: Some("a b".to_owned()),
        error: Some("insufficient_scope".to_owned()),
        error_description: Some("needs \"more\"".to_owned()),
    };
    assert_eq!(challenge, Some(expected));
}

#[test]
fn a_bare_scheme_is_a_challenge() {
    for field in ["Bearer", "bearer", " BEARER ,", "Bearer, Basic realm=x", ",,Bearer"] {
        let challenge = pick(field).expect(field);
        assert_eq!((challenge.scheme, challenge.resource_metadata), (Scheme::Bearer, None), "{field}");
    }
    assert_eq!(pick("DPoP algs=\"ES256\"").map(|challenge| challenge.scheme), Some(Scheme::Dpop));
}

#[test]
fn other_schemes_before_and_after_do_not_hide_it_rule_1() {
    for field in [
        r#"Basic realm="a, Bearer b", Bearer resource_metadata="https://r/""#,
        r#"Negotiate, Bearer resource_metadata="https://r/""#,
        r#"Negotiate YWJj==, Bearer resource_metadata="https://r/""#,
        r#"Negotiate YWJj , NTLM abc,Bearer resource_metadata="https://r/",Basic realm=z"#,
        r#"Digest realm="x", qop="auth, auth-int", nonce=abc, Bearer  Resource_Metadata = "https://r/""#,
        "Bearer resource_metadata=https://r/, error=invalid_token",
        r#"Bearer realm="x" resource_metadata="https://r/" error="y""#,
        r#"Bearer realm="", , ,resource_metadata="https:\/\/r\/""#,
    ] {
        assert_eq!(metadata(field).as_deref(), Some("https://r/"), "{field}");
    }
}

#[test]
fn parameters_of_another_scheme_are_not_taken_for_ours() {
    assert_eq!(metadata(r#"Bearer, Basic resource_metadata="https://evil/""#), None);
    assert_eq!(metadata(r#"Basic realm="Bearer resource_metadata=https://evil/""#), None);
    assert_eq!(metadata(r#"Bearer, Negotiate resource_metadata="https://evil/", Bearer"#), None);
}

#[test]
fn repeated_fields_are_read_as_one_list() {
    let fields = ["Basic realm=\"x\"", "Bearer error=\"e\"", "Bearer resource_metadata=\"https://r/\""];
    let challenge = Challenge::pick(fields).unwrap();
    assert_eq!(challenge.resource_metadata.as_deref(), Some("https://r/"));
    let mut headers = HeaderMap::new();
    for field in fields {
        headers.append("WWW-Authenticate", field.parse().unwrap());
    }
    assert_eq!(Challenge::of(&headers), Some(challenge));
}

#[test]
fn bearer_comes_before_dpop_unless_only_dpop_names_its_metadata() {
    assert_eq!(pick("DPoP error=a, Bearer error=b").unwrap().error.as_deref(), Some("b"));
    let challenge = pick("Bearer error=b, DPoP resource_metadata=\"https://r/\"").unwrap();
    assert_eq!(challenge.scheme, Scheme::Dpop);
    assert_eq!(pick("Bearer error=first, Bearer error=second").unwrap().error.as_deref(), Some("first"));
}

#[test]
fn a_parameter_repeated_with_another_value_counts_as_absent() {
    let challenge =
        pick("Bearer scope=a, scope=b, resource_metadata=\"https://r/\", RESOURCE_METADATA=https://r/");
    let challenge = challenge.unwrap();
    assert_eq!(challenge.scope, None);
    assert_eq!(challenge.resource_metadata.as_deref(), Some("https://r/"));
}

#[test]
fn a_scope_that_is_no_list_of_scopes_is_left_out() {
    for field in [
        "Bearer scope=\"\"",
        "Bearer scope=\"  \"",
        "Bearer scope=\"a\u{7}\"",
        "Bearer scope=\"ü\"",
        "Bearer scope=\"a\\\\b\"",
    ] {
        assert_eq!(pick(field).unwrap().scope, None, "{field:?}");
    }
}

#[test]
fn a_flood_of_scopes_is_cut() {
    let scope = |scope: &str| pick(&format!("Bearer scope=\"{scope}\"")).unwrap().scope;
    let names: Vec<String> = (0..MOST_SCOPES).map(|count| format!("s{count}")).collect();
    let all = names.join(" ");
    assert_eq!(scope(&all), Some(all.clone()));
    assert_eq!(scope(&format!("{all} s0 one-more")), Some(all.clone()));
    let long = "x".repeat(LONGEST);
    assert_eq!(scope(&long), Some(long.clone()));
    assert_eq!(scope(&format!("a {long} b")).as_deref(), Some("a b"));
    assert_eq!(scope(&format!("{long}x")), None);
    assert!(scope(&"ab ".repeat(LONGEST)).unwrap().len() <= LONGEST);
}

#[test]
fn a_text_that_is_longer_than_any_needs_to_be_counts_as_absent() {
    for name in ["resource_metadata", "error", "error_description"] {
        let texts = |length: usize| {
            let challenge = pick(&format!("Bearer {name}=\"{}\"", "x".repeat(length))).unwrap();
            [challenge.resource_metadata, challenge.error, challenge.error_description]
        };
        assert_eq!(texts(LONGEST).into_iter().flatten().count(), 1, "{name}");
        assert_eq!(texts(LONGEST + 1), [None, None, None], "{name}");
    }
}

#[test]
fn a_field_that_breaks_off_keeps_what_came_before() {
    let challenge = pick("Bearer error=\"e\", resource_metadata=\"https://r/").unwrap();
    assert_eq!((challenge.error.as_deref(), challenge.resource_metadata), (Some("e"), None));
    assert_eq!(pick("Bearer error=\"e\\").unwrap().error, None);
}

#[test]
fn junk_is_no_challenge_and_never_a_panic() {
    for junk in [
        "",
        " ",
        ",",
        "=",
        "\"",
        "Basic",
        "\u{fffd}",
        "resource_metadata=\"https://r/\"",
        "😀",
        "{\"a\":1}",
        "(Bearer)",
    ] {
        assert_eq!(pick(junk), None, "{junk}");
    }
    assert_eq!(Challenge::pick::<&str>([]), None);
    // Every short text over the letters that matter to the grammar.
    let letters = ['B', '=', '"', '\\', ',', ' ', 'é'];
    let mut texts = vec![String::new()];
    for _ in 0..5 {
        texts = texts.iter().flat_map(|text| letters.map(|letter| format!("{text}{letter}"))).collect();
        for text in &texts {
            let _ = pick(text);
            let _ = pick(&format!("Bearer {text}"));
        }
    }
    let long = "Bearer a=\"".repeat(20_000);
    assert!(pick(&long).is_some());
}

#[test]
fn a_challenge_that_wants_more_scope_is_followed_before_any_other_rule_14() {
    let fields = [
        r#"DPoP algs="ES256", resource_metadata="https://r/""#,
        r#"Bearer error="invalid_token""#,
        r#"Bearer error="insufficient_scope", scope="b a""#,
    ];
    let challenge = Challenge::pick(fields).unwrap();
    assert!(challenge.wants_more_scope());
    assert_eq!((challenge.scheme, challenge.scope.as_deref()), (Scheme::Bearer, Some("b a")));
    assert_eq!(challenge.resource_metadata.as_deref(), Some("https://r/"), "as another one names it");
    let own = r#"Bearer error="insufficient_scope", resource_metadata="https://own/""#;
    assert_eq!(Challenge::pick([fields[0], own]).unwrap().resource_metadata.as_deref(), Some("https://own/"));
}

#[test]
fn a_refused_proof_is_told_from_a_refused_token() {
    let blames = |field: &str| pick(field).unwrap().blames_proof();
    assert!(
        blames("DPoP error=\"use_dpop_nonce\"")
            && blames("DPoP error=\"invalid_dpop_proof\", algs=\"ES256\"")
    );
    assert!(!blames("DPoP error=\"invalid_token\"") && !blames("DPoP algs=\"ES256\""));
    assert!(!blames("Bearer error=\"use_dpop_nonce\""), "a bearer token has no proof");
    assert!(blames("Bearer resource_metadata=\"/m\", DPoP error=\"use_dpop_nonce\""), "it is not hidden");
}
