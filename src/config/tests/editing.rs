//! `add` and `remove` change what they were told to, and nothing else.

use super::*;
use crate::config::edit::{Draft, NewServer, add, remove};
use crate::secret::Secret;

const FILE: &str = r#"{
  "$schema": "s",
  "zebra": [1, 2.50, {"k": null}],
  "servers": {
    "z": {"url": "https://z.example", "later": true},
    "x": {"oauth2": {"scope": "old", "clientId": "c"}, "url": "https://mcp.example.com/mcp"}
  },
  "defaults": {}
}
"#;

fn draft(text: Option<&str>) -> Draft {
    Draft { file: "/nowhere/config.json".into(), text: text.map(Secret::new) }
}

fn added(text: Option<&str>, name: &str, new: &NewServer) -> Outcome<String> {
    let env = Environment::from_pairs([("HOME", "/nowhere")]);
    add(&draft(text), name, new, &env).map(|text| text.expose().to_owned())
}

fn removed(text: Option<&str>, name: &str) -> Outcome<String> {
    remove(&draft(text), name).map(|text| text.expose().to_owned())
}

#[test]
fn the_first_server_makes_the_file() {
    let new = NewServer::new("https://MCP.example.com/mcp");
    let expected =
        "{\n  \"servers\": {\n    \"x\": {\n      \"url\": \"https://mcp.example.com/mcp\"\n    }\n  }\n}\n";
    assert_eq!(added(None, "x", &new).unwrap(), expected);
    assert_eq!(added(Some("{}"), "x", &new).unwrap(), expected);
}

#[test]
fn what_was_added_can_be_loaded() {
    let home = Home::new();
    let new = NewServer::new("https://mcp.example.com/mcp")
        .with("clientId", "c")
        .with("scope", "a b")
        .with("grant", "client_credentials")
        .with("clientSecretFile", "~/secret")
        .with("callbackPort", 53682)
        .with("requireUrl", true);
    let draft = Draft::open(&home.env(&[])).unwrap();
    assert_eq!((&draft.file, &draft.text), (&home.file(), &None));
    let text = add(&draft, "x", &new, &home.env(&[])).unwrap();
    home.write(".mcp-credential/config.json", text.expose());
    let server = home.server(&[]);
    assert_eq!((server.client_id.as_deref(), server.scope.as_deref()), (Some("c"), Some("a b")));
    assert!(server.require_url && server.grant.is_unattended());
    assert_eq!(server.callback.port, 53682);
    assert_eq!(Draft::open(&home.env(&[])).unwrap().text, Some(text));
}

#[test]
fn unknown_keys_and_the_order_stay() {
    let text = added(Some(FILE), "new", &NewServer::new("https://new.example").with("scope", "s")).unwrap();
    let expected = r#"{
  "$schema": "s",
  "zebra": [
    1,
    2.5,
    {
      "k": null
    }
  ],
  "servers": {
    "z": {
      "url": "https://z.example",
      "later": true
    },
    "x": {
      "oauth2": {
        "scope": "old",
        "clientId": "c"
      },
      "url": "https://mcp.example.com/mcp"
    },
    "new": {
      "url": "https://new.example",
      "oauth2": {
        "scope": "s"
      }
    }
  },
  "defaults": {}
}
"#;
    assert_eq!(text, expected);
    let new = expected.find(",\n    \"new\"").unwrap()..expected.find("\n  },\n  \"defaults\"").unwrap();
    let mut without = expected.to_owned();
    without.replace_range(new, "");
    assert_eq!(removed(Some(&text), "new").unwrap(), without);
}

#[test]
fn numbers_of_unknown_keys_keep_their_value() {
    let numbers = "[5.439725508058318e+48,0.1,1e-7,18446744073709551615,-0.0]";
    let text = added(Some(&format!(r#"{{"zebra":{numbers}}}"#)), "x", &NewServer::new("https://a.example"));
    let kept: String = text.unwrap().split_whitespace().collect();
    assert!(kept.starts_with(&format!(r#"{{"zebra":{numbers}"#)), "{kept}");
}

#[test]
fn adding_the_same_server_again_changes_nothing_at_all() {
    let new = NewServer::new("https://mcp.example.com:443/mcp").with("scope", "old");
    assert_eq!(added(Some(FILE), "x", &new).unwrap(), FILE);
}

#[test]
fn adding_the_same_url_again_updates_the_given_options_alone() {
    let text =
        added(Some(FILE), "x", &NewServer::new("https://mcp.example.com/mcp").with("scope", "new")).unwrap();
    assert!(text.contains(r#""scope": "new""#) && text.contains(r#""clientId": "c""#), "{text}");
    assert!(!text.contains("old"), "{text}");
}

#[test]
fn a_new_way_to_the_secret_replaces_the_old_one() {
    let text =
        r#"{"servers":{"x":{"url":"https://a.example","oauth2":{"clientId":"c","clientSecret":"hunter2"}}}}"#;
    let new = NewServer::new("https://a.example").with("clientSecretEnv", "S");
    let text = added(Some(text), "x", &new).unwrap();
    assert!(text.contains("clientSecretEnv") && !text.contains("hunter2"), "{text}");
}

#[test]
fn what_an_option_of_add_can_give_is_missed_by_that_option() {
    let refused = |options: &[(&str, &str)]| {
        let new = NewServer::new("https://a.example");
        let new = options.iter().fold(new, |new, (key, value)| new.with(key, *value));
        let failure = added(None, "b", &new).unwrap_err();
        assert_eq!(failure.code, Code::ConfigInvalid);
        failure.message
    };
    for (options, expected) in [
        (
            &[("grant", "client_credentials")][..],
            "`--client-id` is missing; the grant client_credentials needs it",
        ),
        (
            &[("grant", "jwt_bearer")],
            "`--assertion-file` is missing; the grant jwt_bearer needs it (or `--assertion-env`)",
        ),
        (&[("clientSecretEnv", "S")], "`--client-id` is missing; the client secret needs it"),
        (&[("trustedIssuer", "https://i.example")], "`--issuer` is missing"),
    ] {
        let message = refused(options);
        assert!(message.starts_with(expected) && !message.contains("config.json"), "{message}");
        assert!(!message.contains("OAUTH2_"), "the environment is no part of the entry: {message}");
    }
    let message = refused(&[("grant", "enterprise_managed"), ("clientId", "c")]);
    for word in ["/nowhere/config.json", "`servers.b`", "idpIssuer", "idpClientId", "idpIdTokenFile"] {
        assert!(message.contains(word), "{word}: {message}");
    }
}

#[test]
fn a_new_way_to_the_assertion_replaces_the_old_one_and_another_grant_takes_it_out() {
    let oauth2 = r#""grant":"jwt_bearer","issuer":"https://i.example","assertionFile":"/a.jwt""#;
    let text = format!(r#"{{"servers":{{"x":{{"url":"https://a.example","oauth2":{{{oauth2}}}}}}}}}"#);
    let new = || NewServer::new("https://a.example");
    let by_variable = added(Some(&text), "x", &new().with("assertionEnv", "B")).unwrap();
    assert!(by_variable.contains("assertionEnv") && !by_variable.contains("assertionFile"), "{by_variable}");
    let by_person = added(Some(&text), "x", &new().with("grant", "authorization_code")).unwrap();
    assert!(!by_person.contains("assertion") && by_person.contains("i.example"), "{by_person}");
    let both = new().with("grant", "authorization_code").with("assertionEnv", "B");
    assert_says(&added(Some(&text), "x", &both).unwrap_err(), Code::ConfigInvalid, &["`--assertion-env`"]);
    let same = added(Some(&text), "x", &new().with("grant", "jwt_bearer")).unwrap();
    assert!(same.contains("assertionFile"), "{same}");
}

#[test]
fn what_is_given_in_several_ways_by_options_is_still_refused() {
    let new =
        NewServer::new("https://a.example").with("grant", "jwt_bearer").with("issuer", "https://i.example");
    let new = new.with("assertionFile", "/a.jwt").with("assertionEnv", "B");
    assert_says(&added(None, "x", &new).unwrap_err(), Code::ConfigInvalid, &["several ways"]);
}

#[test]
fn a_url_without_its_scheme_is_shown_as_it_has_to_be_written() {
    for (typed, expected) in [
        ("mcp.example.com/mcp", "write https://mcp.example.com/mcp"),
        ("mcp.example.com:8443/mcp", "write https://mcp.example.com:8443/mcp"),
        ("localhost:8080/mcp", "write http://localhost:8080/mcp"),
        ("127.0.0.1:8080/mcp", "write http://127.0.0.1:8080/mcp"),
    ] {
        let failure = added(None, "x", &NewServer::new(typed)).unwrap_err();
        assert!(failure.message.ends_with(expected), "{failure}");
        assert!(!failure.message.contains("base"), "{failure}");
    }
    for typed in
        ["user:hunter2@mcp.example.com/mcp", "", "javascript:alert(1)", "mailto:a@b.example", "a\u{1b}b"]
    {
        let failure = added(None, "x", &NewServer::new(typed)).unwrap_err();
        assert!(
            !failure.message.contains("write https") && !failure.message.contains("hunter2"),
            "{failure}"
        );
    }
}

#[test]
fn a_name_is_not_pointed_to_another_url() {
    let failure = added(Some(FILE), "x", &NewServer::new("https://evil.example")).unwrap_err();
    assert_says(
        &failure,
        Code::UrlMismatch,
        &["another URL, https://mcp.example.com/mcp;", "mcp-credential remove x"],
    );
    assert_eq!(failure.server.as_deref(), Some("x"));
}

#[test]
fn a_name_that_differs_only_in_case_is_refused() {
    let failure = added(Some(FILE), "X", &NewServer::new("https://mcp.example.com/mcp")).unwrap_err();
    assert_says(&failure, Code::ConfigInvalid, &["`X`", "servers.x", "only in case"]);
}

#[test]
fn what_would_not_load_is_not_added() {
    let refused = |new: &NewServer, words: &[&str]| {
        assert_says(&added(None, "x", new).unwrap_err(), Code::ConfigInvalid, words);
    };
    refused(&NewServer::new("http://a.example"), &["plain http"]);
    refused(&NewServer::new("https://a.example").with("scop", "a"), &["oauth2.scop", "`scope`"]);
    refused(&NewServer::new("https://a.example").with("grant", "client_credentials"), &["`--client-id`"]);
    refused(&NewServer::new("https://a.example").with("callbackPort", "1"), &["`--callback-port`"]);
    let failure = added(None, "a/b", &NewServer::new("https://a.example")).unwrap_err();
    assert_says(&failure, Code::Usage, &["`a/b`"]);
}

#[test]
fn a_text_that_cannot_be_changed_safely_is_refused() {
    let new = NewServer::new("https://a.example");
    for (text, word) in [
        ("{", "not JSON"),
        ("[]", "must be an object"),
        (r#"{"servers":[]}"#, "`servers`"),
        (r#"{"servers":{"x":[]}}"#, "`servers.x`"),
        (
            r#"{"servers":{"x":{"url":"https://a.example","url":"https://a.example"}}}"#,
            "`url` is there twice",
        ),
        (r#"{"servers":{"y":{},"y":{}}}"#, "`y` is there twice"),
        (r#"{"servers":{},"servers":{}}"#, "`servers` is there twice"),
        (r#"{"upstream":{"url":"https://a.example"}}"#, "mcp-oauth2-proxy"),
        ("\u{feff}{}", "byte order mark"),
    ] {
        assert_says(
            &added(Some(text), "x", &new).unwrap_err(),
            Code::ConfigInvalid,
            &[word, "/nowhere/config.json"],
        );
    }
}

#[test]
fn removing_takes_one_server_out() {
    let text = removed(Some(FILE), "z").unwrap();
    assert!(
        !text.contains("z.example") && text.contains("mcp.example.com") && text.contains("zebra"),
        "{text}"
    );
    assert!(text.ends_with("}\n"));
}

#[test]
fn removing_what_is_not_there_suggests_a_name() {
    let failure = removed(Some(FILE), "zz").unwrap_err();
    assert_says(&failure, Code::NotFound, &["`zz`", "/nowhere/config.json"]);
    let text = r#"{"servers":{"atlassian":{}}}"#;
    assert_says(
        &removed(Some(text), "atlasian").unwrap_err(),
        Code::NotFound,
        &["did you mean `atlassian`?"],
    );
    assert_eq!(removed(None, "x").unwrap_err().code, Code::NotFound);
}

#[test]
fn a_draft_does_not_show_its_secrets() {
    let shown = format!("{:?}", draft(Some(r#"{"clientSecret":"hunter2"}"#)));
    assert!(!shown.contains("hunter2"), "{shown}");
}
