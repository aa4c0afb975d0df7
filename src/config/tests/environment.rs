//! What the variables mean.

use super::*;
use crate::config::{Interactive, KeySource};
use std::process::Command;

fn env(pairs: &[(&str, &str)]) -> Environment {
    Environment::from_pairs(pairs.iter().copied())
}

#[test]
fn booleans_are_spelled_in_the_usual_ways() {
    let home =
        Home::with_oauth2(r#"{"tokenUrl":"https://a.example/t","authorizationUrl":"https://a.example/a"}"#);
    for (text, value) in [
        ("true", true),
        ("1", true),
        ("YES", true),
        ("on", true),
        ("", true),
        ("false", false),
        ("0", false),
        ("no", false),
        ("Off", false),
    ] {
        assert_eq!(home.server(&[("DISCOVERY_ENABLED", text)]).discovery, value, "{text:?}");
    }
    let failure = home.refusal(&[("DISCOVERY_ENABLED", "maybe")]);
    assert_says(&failure, Code::ConfigInvalid, &["`DISCOVERY_ENABLED`", "true or false"]);
}

#[test]
fn interactive_takes_words_and_booleans() {
    for (text, value) in [
        ("auto", Interactive::Auto),
        ("Always", Interactive::Always),
        ("never", Interactive::Never),
        ("true", Interactive::Always),
        ("0", Interactive::Never),
    ] {
        assert_eq!(env(&[("MCP_CREDENTIAL_INTERACTIVE", text)]).interactive(), Ok(Some(value)), "{text}");
        assert_eq!(env(&[("OAUTH2_INTERACTIVE", text)]).interactive(), Ok(Some(value)), "{text}");
    }
    assert_eq!(env(&[]).interactive(), Ok(None));
    let failure = env(&[("MCP_CREDENTIAL_INTERACTIVE", "often")]).interactive().unwrap_err();
    assert_says(&failure, Code::ConfigInvalid, &["`MCP_CREDENTIAL_INTERACTIVE`"]);
}

#[test]
fn never_wins_whoever_says_it() {
    let never = Home::with_oauth2(r#"{"interactive":false}"#);
    assert_eq!(never.server(&[("MCP_CREDENTIAL_INTERACTIVE", "always")]).interactive, Interactive::Never);
    let always = Home::with_oauth2(r#"{"interactive":true}"#);
    assert_eq!(always.server(&[]).interactive, Interactive::Always);
    assert_eq!(always.server(&[("MCP_CREDENTIAL_INTERACTIVE", "auto")]).interactive, Interactive::Auto);
    assert_eq!(always.server(&[("OAUTH2_INTERACTIVE", "false")]).interactive, Interactive::Never);
    let both = [("OAUTH2_INTERACTIVE", "false"), ("MCP_CREDENTIAL_INTERACTIVE", "true")];
    assert_eq!(always.server(&both).interactive, Interactive::Never);
}

#[test]
fn ci_counts_unless_it_says_no() {
    for (value, is_ci) in
        [("true", true), ("1", true), ("woodpecker", true), ("", false), ("false", false), ("0", false)]
    {
        assert_eq!(env(&[("CI", value)]).is_ci(), is_ci, "{value:?}");
    }
    assert!(!env(&[]).is_ci());
}

#[test]
fn the_callers_surroundings_are_told() {
    let told = env(&[
        ("SSH_CONNECTION", "a b c d"),
        ("CLAUDE_CODE_MCP_SERVER_URL", "https://a.example"),
        ("DISPLAY", ":0"),
    ]);
    assert!(told.is_ssh() && told.has_display());
    assert_eq!(told.caller_url().unwrap().as_deref(), Some("https://a.example"));
    assert_eq!(told.caller_name(), Ok(None));
    assert!(!env(&[]).is_ssh());
}

#[test]
fn a_level_of_another_program_is_left_alone() {
    let level = |pairs: &[(&str, &str)]| env(pairs).log_level();
    assert_eq!(level(&[("LOG_LEVEL", "warn")]), Ok(Some(log::LevelFilter::Warn)));
    assert_eq!(level(&[("LOG_LEVEL", "fatal")]), Ok(Some(log::LevelFilter::Error)));
    assert_eq!(level(&[("LOG_LEVEL", "VERBOSE")]), Ok(None));
    assert_eq!(
        level(&[("LOG_LEVEL", "warn"), ("MCP_CREDENTIAL_LOG", "Debug")]),
        Ok(Some(log::LevelFilter::Debug))
    );
    let failure = level(&[("MCP_CREDENTIAL_LOG", "loud")]).unwrap_err();
    assert_says(&failure, Code::ConfigInvalid, &["`MCP_CREDENTIAL_LOG`", "trace"]);
}

#[test]
fn the_environment_of_the_process_is_looked_up_when_asked() {
    let process = Environment::from_process();
    assert_eq!(process.raw("PATH"), std::env::var_os("PATH").filter(|path| !path.is_empty()));
    assert_eq!(process.raw("A_VARIABLE_THAT_NOBODY_SETS"), None);
}

#[test]
fn no_child_gets_a_secret_of_ours() {
    let env = env(&[("A", "1"), ("OAUTH2_CLIENT_SECRET", "s"), ("MCP_CREDENTIAL_KEY", "k"), ("MINE", "m")]);
    let mut command = Command::new("true");
    env.hand_down(&mut command, &["MINE"]);
    let kept: Vec<_> =
        command.get_envs().filter(|(_, value)| value.is_some()).map(|(name, _)| name).collect();
    assert_eq!(kept, ["A"]);
    let mut command = Command::new("true");
    Environment::from_process().hand_down(&mut command, &["MINE"]);
    let dropped: Vec<_> = command.get_envs().filter(|(_, value)| value.is_none()).collect();
    assert_eq!(dropped.len(), crate::config::environment::SECRET_VARIABLES.len() + 1);
}

#[test]
fn the_key_may_come_from_the_environment_alone() {
    let home = Home::new();
    let key = |more: &[(&str, &str)]| home.load(more).map(|loaded| loaded.key);
    assert_eq!(key(&[]), Ok(KeySource::File));
    let standard = "/////////////////////////////////////////w8=";
    for text in [
        standard,
        "_____________________________________________w8".get(4..).unwrap(),
        &format!("{standard}\n"),
    ] {
        match key(&[("MCP_CREDENTIAL_KEY", text)]).unwrap() {
            KeySource::Value(secret) => assert_eq!(secret.expose(), standard),
            KeySource::File => panic!("{text}"),
        }
    }
    for text in ["hunter2", "aHVudGVyMg==", "/////////////////////////////////////////w8=/w=="] {
        let failure = key(&[("MCP_CREDENTIAL_KEY", text)]).unwrap_err();
        assert_says(&failure, Code::ConfigInvalid, &["`MCP_CREDENTIAL_KEY`", "32 bytes"]);
        assert!(!failure.message.contains(text), "{failure}");
    }
}

#[test]
fn the_key_source_is_file_or_env() {
    let with = |source: &str| Home::with(&format!(r#"{{"defaults":{{"keySource":"{source}"}}}}"#));
    assert_eq!(with("file").load(&[]).unwrap().key, KeySource::File);
    assert_says(
        &with("env").refusal(&[]),
        Code::ConfigInvalid,
        &["`defaults.keySource`", "`MCP_CREDENTIAL_KEY`"],
    );
    assert_says(
        &with("keyring").refusal(&[]),
        Code::ConfigInvalid,
        &["`defaults.keySource`", "not supported by this version"],
    );
    assert_says(&with("purse").refusal(&[]), Code::ConfigInvalid, &["`defaults.keySource`", "file or env"]);
}

#[test]
fn the_network_is_the_files_then_the_environments() {
    let network = |home: &Home, more: &[(&str, &str)]| home.load(more).unwrap().machine.network;
    let proxy =
        |home: &Home, more: &[(&str, &str)]| network(home, more).proxy.map(|url| url.expose().to_owned());
    let bare = Home::new();
    assert_eq!(proxy(&bare, &[]), None);
    let all = ("ALL_PROXY", "http://all.example:1");
    assert_eq!(proxy(&bare, &[all]).as_deref(), Some("http://all.example:1"));
    assert_eq!(network(&bare, &[all]).proxy_source.as_deref(), Some("`ALL_PROXY` of the environment"));
    assert_eq!(proxy(&bare, &[all, ("HTTPS_PROXY", "up.example:2")]).as_deref(), Some("http://up.example:2"));
    let lower = ("https_proxy", "http://u:p@low.example:3");
    assert_eq!(proxy(&bare, &[("HTTPS_PROXY", "http://x"), lower]).as_deref(), Some(lower.1));
    assert_eq!(proxy(&bare, &[("HTTP_PROXY", "http://plain.example")]), None);
    let filed = Home::with(
        r#"{"defaults":{"proxy":"http://f.example:4","caBundle":"/f.pem","noProxy":"f.example"}}"#,
    );
    assert_eq!(proxy(&filed, &[all]).as_deref(), Some("http://f.example:4"));
    assert_eq!(proxy(&Home::with(r#"{"defaults":{"proxy":""}}"#), &[all]), None);
    let more = [("NO_PROXY", "n.example"), ("SSL_CERT_FILE", "/e.pem")];
    let (ours, theirs) = (network(&filed, &more), network(&bare, &more));
    assert_eq!(theirs.ca_bundle_source.as_deref(), Some("`SSL_CERT_FILE` of the environment"));
    assert!(ours.ca_bundle_source.unwrap().starts_with("`defaults.caBundle` in "));
    assert_eq!((ours.no_proxy.as_deref(), ours.ca_bundle), (Some("f.example"), Some("/f.pem".into())));
    assert_eq!((theirs.no_proxy.as_deref(), theirs.ca_bundle), (Some("n.example"), Some("/e.pem".into())));
}

#[test]
fn a_proxy_that_cannot_be_used_is_refused_and_not_quoted() {
    for text in ["socks5://u:hunter2@p.example", "http://", "http://u:hunter2@p.example:port"] {
        let failure = Home::new().refusal(&[("HTTPS_PROXY", text)]);
        assert_says(&failure, Code::ConfigInvalid, &["`HTTPS_PROXY`", "proxy"]);
        assert!(!failure.message.contains("hunter2"), "{failure}");
        let home = Home::with(&format!(r#"{{"defaults":{{"proxy":"{text}"}}}}"#));
        assert_says(&home.refusal(&[]), Code::ConfigInvalid, &["`defaults.proxy`", "proxy"]);
    }
    let failure = Home::new().refusal(&[("SSL_CERT_FILE", "ca.pem")]);
    assert_says(&failure, Code::ConfigInvalid, &["`SSL_CERT_FILE`", "absolute"]);
}

#[test]
fn the_defaults_block_is_checked_like_everything_else() {
    assert_eq!(Home::new().load(&[]).unwrap().machine.timeout_seconds, 8);
    let home = Home::with(r#"{"defaults":{"timeoutSeconds":20}}"#);
    assert_eq!(home.load(&[]).unwrap().machine.timeout_seconds, 20);
    for (block, path, word) in [
        (r#"{"timeoutSeconds":0}"#, "defaults.timeoutSeconds", "1 to 600"),
        (r#"{"timeoutSeconds":"8"}"#, "defaults.timeoutSeconds", "1 to 600"),
        (r#"{"timeoutSecond":8}"#, "defaults.timeoutSecond", "`timeoutSeconds`"),
        (r#"{"proxy":"http://a","proxy":"http://b"}"#, "defaults.proxy", "twice"),
        (r#"{"proxy":7}"#, "defaults.proxy", "must be a text"),
        (r#"{"caBundle":"ca.pem"}"#, "defaults.caBundle", "absolute"),
        ("[]", "defaults", "an object"),
    ] {
        let home = Home::with(&format!(r#"{{"defaults":{block}}}"#));
        assert_says(&home.refusal(&[]), Code::ConfigInvalid, &[&format!("`{path}`"), word]);
    }
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_not_utf8_is_named() {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;
    let bad = OsString::from_vec(vec![b'a', 0xff]);
    for name in ["OAUTH2_SCOPE", "OAUTH2_CLIENT_SECRET", "MCP_CREDENTIAL_KEY", "HTTPS_PROXY", "UPSTREAM_URL"]
    {
        let home = OsString::from("/nowhere");
        let env = Environment::from_pairs([("HOME", home), (name, bad.clone())]);
        assert_says(&load("x", &env).unwrap_err(), Code::ConfigInvalid, &[&format!("`{name}`"), "UTF-8"]);
    }
}
