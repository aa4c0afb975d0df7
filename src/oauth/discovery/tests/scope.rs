//! Which scope is asked for.

use super::*;

/// The scope for a configured one, a challenged one, one list of the resource and one of the issuer.
fn scope(
    configured: Option<&str>,
    challenged: Option<&str>,
    resource_lists: &Value,
    issuer_lists: &Value,
) -> Option<String> {
    scope_for(Grant::AuthorizationCode, configured, challenged, resource_lists, issuer_lists)
}

fn scope_for(
    grant: Grant,
    configured: Option<&str>,
    challenged: Option<&str>,
    resource_lists: &Value,
    issuer_lists: &Value,
) -> Option<String> {
    let server = world(&[
        (
            "/.well-known/oauth-protected-resource/mcp",
            with(resource("/mcp"), &value!({"scopes_supported": resource_lists})),
        ),
        (OAUTH, with(authorization(""), &value!({"scopes_supported": issuer_lists}))),
    ]);
    let asked = Server { scope: configured.map(str::to_owned), grant, ..at(&server, "/mcp") };
    discover(testing::http(), &asked, Some(&challenge(None, challenged))).unwrap().scope
}

#[test]
fn configuration_then_challenge_then_resource_then_none_rule_13() {
    let (lists, none) = (value!(["r1", "r2"]), Value::Null);
    assert_eq!(scope(Some("c  d"), Some("x"), &lists, &none).as_deref(), Some("c  d"));
    assert_eq!(scope(Some(""), Some("x"), &lists, &none), None, "an empty one asks for none");
    assert_eq!(scope(None, Some("x y"), &lists, &none).as_deref(), Some("x y"));
    assert_eq!(scope(None, None, &lists, &none).as_deref(), Some("r1 r2"));
    assert_eq!(scope(None, None, &none, &none), None);
    assert_eq!(scope(None, None, &value!([]), &value!(["a"])), None, "the issuer's list is not asked for");
}

#[test]
fn offline_access_is_added_where_the_issuer_lists_it_and_never_else_rule_15() {
    let (lists, offline, none) = (value!(["r1"]), value!(["a", "offline_access"]), Value::Null);
    assert_eq!(scope(None, None, &lists, &offline).as_deref(), Some("r1 offline_access"));
    assert_eq!(scope(None, Some("x"), &lists, &offline).as_deref(), Some("x offline_access"));
    assert_eq!(scope(None, Some("offline_access x"), &lists, &offline).as_deref(), Some("offline_access x"));
    assert_eq!(scope(Some("c"), None, &lists, &offline).as_deref(), Some("c"), "the configured one stands");
    assert_eq!(scope(None, None, &none, &offline), None, "it alone would ask for less than the default");
    assert_eq!(scope(None, None, &value!(["r1", "offline_access"]), &none).as_deref(), Some("r1"));
    let unattended =
        scope_for(Grant::ClientCredentials, None, None, &value!(["r1", "offline_access"]), &offline);
    assert_eq!(unattended.as_deref(), Some("r1"));
}

#[test]
fn names_that_are_no_scopes_and_endless_lists_are_left_out() {
    let lists = value!(["a", "", "b c", "d\u{1b}", 7, null, "a", "é", "e\"f", "g"]);
    assert_eq!(scope(None, None, &lists, &Value::Null).as_deref(), Some("a g"));
    let endless: Vec<String> = (0..50_000).map(|number| format!("scope-{number}")).collect();
    let chosen = scope(None, None, &value!(endless), &value!(["offline_access"])).unwrap();
    assert!(chosen.len() < 9_000 && chosen.ends_with(" offline_access"));
}
