//! Which entry is found, and what is wrong with a file.

use super::*;
use crate::config::names;

#[test]
fn a_server_of_the_file_is_found_by_its_name() {
    let home = Home::with_entry(r#"{"url":"HTTPS://MCP.Example.com/mcp"}"#);
    let loaded = home.load(&[]).unwrap();
    let server = loaded.server.unwrap();
    assert_eq!((server.name.as_str(), server.url.as_str()), ("x", "https://mcp.example.com/mcp"));
    assert!(loaded.from_file);
    assert_eq!(loaded.machine.warnings, Vec::<String>::new());
}

#[test]
fn a_name_that_nobody_defines_has_no_server() {
    let loaded = Home::with(r#"{"servers":{"y":{"url":"https://a.example"}}}"#).load(&[]).unwrap();
    assert_eq!((loaded.server, loaded.from_file), (None, false));
    assert_eq!(Home::new().load(&[]).unwrap().server, None);
    assert_eq!(Home::with("{}").load(&[]).unwrap().server, None);
}

#[test]
fn what_is_wrong_with_other_servers_does_not_matter() {
    let home = Home::with(
        r#"{"servers":{"y":{"nonsense":1},"x":{"url":"https://a.example"},"y":7,"../z":[],"Y":null}}"#,
    );
    assert_eq!(home.server(&[]).url, "https://a.example");
}

#[test]
fn a_name_written_with_escapes_is_the_same_name() {
    let home = Home::with(r#"{"servers":{"\u0078":{"url":"https://a.example"}}}"#);
    assert_eq!(home.server(&[]).url, "https://a.example");
}

#[test]
fn a_repeated_name_is_refused_with_file_and_line() {
    let home = Home::with("{\"servers\":{\"x\":{\"url\":\"https://a.example\"},\n\"x\":{}}}");
    let file = home.file();
    assert_says(
        &home.refusal(&[]),
        Code::ConfigInvalid,
        &["`servers.x` twice", "line 2", file.to_str().unwrap()],
    );
}

#[test]
fn names_that_differ_only_in_case_are_refused() {
    for other in [r#""X":{},"x":{"url":"https://a.example"}"#, r#""x":{"url":"https://a.example"},"X":{}"#] {
        let home = Home::with(&format!(r#"{{"servers":{{{other}}}}}"#));
        assert_says(&home.refusal(&[]), Code::ConfigInvalid, &["servers.X", "only in case", "rename one"]);
    }
    let home = Home::with(r#"{"servers":{"X":{"url":"https://a.example"}}}"#);
    assert_says(&home.refusal(&[]), Code::ConfigInvalid, &["servers.X", "only in case", "use that name"]);
}

#[test]
fn a_file_that_is_not_json_is_refused_with_line_and_column() {
    let home = Home::with("{\n  \"servers\": {,}\n}");
    let file = home.file();
    assert_says(
        &home.refusal(&[]),
        Code::ConfigInvalid,
        &["not JSON", "line 2 column 15", file.to_str().unwrap()],
    );
    for text in ["", "{} x", "{\"servers\":{\"x\":{\"url\":\"https://a.example\"}}", "// c\n{}", "{\"a\":1,}"]
    {
        assert_says(&Home::with(text).refusal(&[]), Code::ConfigInvalid, &["line", "column"]);
    }
}

#[test]
fn a_byte_order_mark_is_refused_by_its_name() {
    let home = Home::with("\u{feff}{}");
    assert_says(&home.refusal(&[]), Code::ConfigInvalid, &["byte order mark", "line 1 column 1"]);
}

#[test]
fn a_value_in_the_place_of_an_object_is_refused_and_not_quoted() {
    for text in [r#"{"servers":"hunter2"}"#, r#""hunter2""#, r#"["hunter2"]"#, r#"{"servers":["hunter2"]}"#] {
        let failure = Home::with(text).refusal(&[]);
        assert_says(&failure, Code::ConfigInvalid, &["object", "line 1"]);
        assert!(!failure.message.contains("hunter2"), "{failure}");
    }
    for entry in [r#""hunter2""#, r#"{"url":"https://a.example","oauth2":"hunter2"}"#, "null"] {
        let failure = Home::with_entry(entry).refusal(&[]);
        assert_says(&failure, Code::ConfigInvalid, &["`servers.x", "must be an object"]);
        assert!(!failure.message.contains("hunter2"), "{failure}");
    }
}

#[test]
fn an_unknown_key_at_the_top_is_refused_with_a_near_one() {
    let home = Home::with(r#"{"server":{}}"#);
    assert_says(&home.refusal(&[]), Code::ConfigInvalid, &["unknown key `server`", "`servers`"]);
    let home = Home::with("{\"a\\u001b[31m\":1}");
    assert_says(&home.refusal(&[]), Code::ConfigInvalid, &["`a\\u{1b}[31m`"]);
}

#[test]
fn a_repeated_key_at_the_top_is_refused() {
    for key in ["servers", "defaults", "$schema"] {
        let home = Home::with(&format!(r#"{{"{key}":{{}},"{key}":{{}}}}"#));
        assert_says(&home.refusal(&[]), Code::ConfigInvalid, &[&format!("`{key}` twice")]);
    }
}

#[test]
fn an_unknown_key_of_an_entry_is_refused_with_its_path_and_a_near_one() {
    let home = Home::with_oauth2(r#"{"scop":"a"}"#);
    let file = home.file();
    assert_says(
        &home.refusal(&[]),
        Code::ConfigInvalid,
        &["`servers.x.oauth2.scop`", "unknown key (did you mean `scope`?)", file.to_str().unwrap()],
    );
    let home = Home::with_entry(r#"{"url":"https://a.example","Url":"https://b.example"}"#);
    assert_says(&home.refusal(&[]), Code::ConfigInvalid, &["`servers.x.Url`", "`url`"]);
    let home = Home::with_oauth2(r#"{"discovery":{"enable":true}}"#);
    assert_says(
        &home.refusal(&[]),
        Code::ConfigInvalid,
        &["`servers.x.oauth2.discovery.enable`", "`enabled`"],
    );
}

#[test]
fn a_key_in_the_wrong_place_is_told_its_right_one() {
    let home = Home::with_entry(r#"{"url":"https://a.example","scope":"a"}"#);
    assert_says(&home.refusal(&[]), Code::ConfigInvalid, &["`servers.x.scope`", "inside `oauth2`"]);
    let home = Home::with_entry(r#"{"url":"https://a.example","discovery":{}}"#);
    assert_says(&home.refusal(&[]), Code::ConfigInvalid, &["`servers.x.discovery`", "inside `oauth2`"]);
    let home = Home::with_oauth2(r#"{"requireUrl":true}"#);
    assert_says(&home.refusal(&[]), Code::ConfigInvalid, &["oauth2.requireUrl`", "outside `oauth2`"]);
}

#[test]
fn a_repeated_key_of_an_entry_is_refused_with_its_path() {
    for (entry, path) in [
        (r#"{"url":"https://a.example","url":"https://b.example"}"#, "`servers.x.url`"),
        (r#"{"url":"https://a.example","oauth2":{"scope":"a","scope":"b"}}"#, "`servers.x.oauth2.scope`"),
        (r#"{"url":"https://a.example","oauth2":{},"oauth2":{}}"#, "`servers.x.oauth2`"),
        (r#"{"url":"https://a.example","headers":{"X-A":"1","X-A":"2"}}"#, "`X-A` twice"),
    ] {
        assert_says(&Home::with_entry(entry).refusal(&[]), Code::ConfigInvalid, &[path, "twice"]);
    }
}

#[test]
fn a_file_above_the_limit_is_refused() {
    let limit = usize::try_from(crate::config::file::SIZE_LIMIT).unwrap();
    let home = Home::with(&format!("{{}}{}", " ".repeat(limit - 2)));
    assert!(home.load(&[]).is_ok());
    let home = Home::with(&format!("{{}}{}", " ".repeat(limit - 1)));
    assert_says(&home.refusal(&[]), Code::ConfigInvalid, &["larger than"]);
}

#[test]
fn a_file_that_is_not_utf8_is_refused() {
    let home = Home::new();
    std::fs::write(home.file(), b"{\"servers\":{\"\xff\":{}}}").unwrap();
    assert_says(&home.refusal(&[]), Code::ConfigInvalid, &["UTF-8"]);
}

#[test]
fn ten_thousand_levels_of_json_are_survived() {
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    assert_says(&Home::with_entry(&deep).refusal(&[]), Code::ConfigInvalid, &["recursion limit", "line 1"]);
    let home = Home::with(&format!(r#"{{"servers":{{"y":{deep},"x":{{"url":"https://a.example"}}}}}}"#));
    assert_eq!(home.server(&[]).url, "https://a.example");
}

#[test]
fn the_names_of_the_file_are_told_in_its_order() {
    let home = Home::with(r#"{"servers":{"b":1,"a":{},"B":null}}"#);
    assert_eq!(names(&home.env(&[])).unwrap(), ["b", "a", "B"]);
}

#[cfg(unix)]
mod unix {
    use super::*;

    #[test]
    fn a_pipe_or_a_directory_is_refused_without_waiting() {
        let home = Home::new();
        std::fs::create_dir(home.file()).unwrap();
        assert_says(&home.refusal(&[]), Code::ConfigInvalid, &["not a regular file"]);
        std::fs::remove_dir(home.file()).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, home.file(), rustix::fs::Mode::RUSR).unwrap();
        assert_says(&home.refusal(&[]), Code::ConfigInvalid, &["not a regular file"]);
    }

    #[test]
    fn a_file_that_anybody_may_write_is_refused_with_the_fix() {
        let home = Home::with_entry(r#"{"url":"https://a.example"}"#);
        set_mode(&home.file(), 0o602);
        assert_says(&home.refusal(&[]), Code::InsecureStorage, &["chmod go-w", "config.json"]);
        set_mode(&home.file(), 0o664);
        let warnings = home.load(&[]).unwrap().machine.warnings;
        assert!(warnings[0].contains("chmod go-w"), "{warnings:?}");
    }

    #[test]
    fn a_secret_that_others_may_read_is_warned_of() {
        let home = Home::with_oauth2(r#"{"clientId":"c","clientSecret":"hunter2"}"#);
        assert_eq!(home.load(&[]).unwrap().machine.warnings, Vec::<String>::new());
        for mode in [0o640, 0o604] {
            set_mode(&home.file(), mode);
            let warnings = home.load(&[]).unwrap().machine.warnings;
            assert!(warnings[0].contains("chmod 600"), "{warnings:?}");
        }
        let home = Home::with_oauth2(r#"{"clientId":"c","clientSecretEnv":"S"}"#);
        set_mode(&home.file(), 0o644);
        assert_eq!(home.load(&[]).unwrap().machine.warnings, Vec::<String>::new());
    }
}
