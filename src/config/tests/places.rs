//! Where the state directory and the file are.

use super::*;
use std::path::Path;

fn state_dir(env: &Environment) -> Outcome<PathBuf> {
    load("x", env).map(|loaded| loaded.machine.state_dir)
}

const NONE: [(&str, &str); 0] = [];

#[test]
fn the_state_directory_is_found_from_home_or_the_account() {
    let env = Environment::from_pairs([("HOME", "/nowhere/h")]).with_account_home("/nowhere/a");
    assert_eq!(state_dir(&env).unwrap(), Path::new("/nowhere/h/.mcp-credential"));
    for pairs in [vec![], vec![("HOME", "")]] {
        let env = Environment::from_pairs(pairs).with_account_home("/nowhere/a");
        assert_eq!(state_dir(&env).unwrap(), Path::new("/nowhere/a/.mcp-credential"));
    }
}

#[test]
fn the_state_directory_can_be_moved_as_a_whole() {
    let env = Environment::from_pairs([("HOME", "/nowhere/h"), ("MCP_CREDENTIAL_HOME", "/nowhere/s")]);
    let loaded = load("x", &env).unwrap();
    assert_eq!(loaded.machine.state_dir, Path::new("/nowhere/s"));
    assert_eq!(loaded.machine.config_file, Path::new("/nowhere/s/config.json"));
    assert_eq!(loaded.cache_dir, Path::new("/nowhere/s/oauth"));
    let without_home = Environment::from_pairs([("MCP_CREDENTIAL_HOME", "/nowhere/s")]);
    assert_eq!(state_dir(&without_home).unwrap(), Path::new("/nowhere/s"));
}

#[test]
fn without_a_home_there_is_an_error_and_no_guess() {
    let failure = state_dir(&Environment::from_pairs(NONE)).unwrap_err();
    assert_says(&failure, Code::ConfigInvalid, &["no home directory", "`HOME`", "`MCP_CREDENTIAL_HOME`"]);
}

#[test]
fn a_relative_directory_is_refused() {
    for (name, value) in [("HOME", "h"), ("HOME", "./h"), ("MCP_CREDENTIAL_HOME", "s")] {
        let env = Environment::from_pairs([(name, value)]).with_account_home("/nowhere/a");
        assert_says(&state_dir(&env).unwrap_err(), Code::ConfigInvalid, &[&format!("`{name}`"), "absolute"]);
    }
    let env = Environment::from_pairs(NONE).with_account_home("a");
    assert_says(&state_dir(&env).unwrap_err(), Code::ConfigInvalid, &["absolute"]);
}

#[test]
fn the_first_of_the_two_path_variables_wins() {
    let home = Home::with_entry(r#"{"url":"https://state.example"}"#);
    let one = home.write("one.json", r#"{"servers":{"x":{"url":"https://one.example"}}}"#);
    let two = home.write("two.json", r#"{"servers":{"x":{"url":"https://two.example"}}}"#);
    let url = |more: &[(&str, &str)]| home.server(more).url;
    assert_eq!(url(&[]), "https://state.example");
    assert_eq!(url(&[("MCP_PROXY_CONFIG", &two)]), "https://two.example");
    assert_eq!(url(&[("MCP_PROXY_CONFIG", &two), ("MCP_CREDENTIAL_CONFIG", &one)]), "https://one.example");
    assert_eq!(url(&[("MCP_PROXY_CONFIG", &two), ("MCP_CREDENTIAL_CONFIG", "")]), "https://two.example");
}

#[test]
fn a_named_file_must_exist_and_be_absolute() {
    let home = Home::new();
    for name in ["MCP_CREDENTIAL_CONFIG", "MCP_PROXY_CONFIG"] {
        let failure = home.refusal(&[(name, "/nowhere/at/all.json")]);
        assert_says(&failure, Code::ConfigInvalid, &[name, "/nowhere/at/all.json", "does not exist"]);
        assert_says(&home.refusal(&[(name, "config.json")]), Code::ConfigInvalid, &[name, "absolute"]);
    }
}

#[test]
fn a_tilde_means_the_home_directory() {
    let home = Home::new();
    home.write(
        "my.json",
        r#"{"servers":{"x":{"url":"https://a.example","oauth2":{"tokenCacheDir":"~/t"}}}}"#,
    );
    let loaded = home.load(&[("MCP_CREDENTIAL_CONFIG", "~/my.json")]).unwrap();
    assert_eq!(loaded.cache_dir, home.dir.join("t"));
}

#[test]
fn the_cache_directory_is_the_environments_then_the_entrys() {
    let home = Home::with_oauth2(r#"{"tokenCacheDir":"/nowhere/f"}"#);
    assert_eq!(home.load(&[]).unwrap().cache_dir, Path::new("/nowhere/f"));
    let loaded = home.load(&[("OAUTH2_TOKEN_CACHE_DIR", "/nowhere/e")]).unwrap();
    assert_eq!(loaded.cache_dir, Path::new("/nowhere/e"));
    let failure = home.refusal(&[("OAUTH2_TOKEN_CACHE_DIR", "e")]);
    assert_says(&failure, Code::ConfigInvalid, &["`OAUTH2_TOKEN_CACHE_DIR`", "absolute"]);
    assert_refused(r#"{"tokenCacheDir":"t"}"#, "tokenCacheDir", "absolute");
}
