//! Where a secret is read from.

use super::*;
use crate::config::{SecretPlace, SecretSource, Setting};
use crate::secret::Secret;

fn read(source: &SecretSource) -> Outcome<Option<String>> {
    let env = Environment::from_pairs([
        ("MINE", "hunter2"),
        ("EMPTY", ""),
        ("LINES", "a\nb"),
        ("PATH", "/usr/bin:/bin"),
    ]);
    Ok(source.read(&env)?.map(|secret| secret.expose().to_owned()))
}

fn at(place: SecretPlace) -> SecretSource {
    SecretSource::new(Setting::ClientSecret, place)
}

fn command(words: &[&str]) -> SecretSource {
    at(SecretPlace::Command(words.iter().map(|word| (*word).to_owned()).collect()))
}

#[test]
fn no_source_is_no_secret_and_a_value_is_itself() {
    assert_eq!(read(&SecretSource::default()), Ok(None));
    assert_eq!(read(&at(SecretPlace::Value(Secret::new("s")))), Ok(Some("s".to_owned())));
}

#[test]
fn a_file_holds_it_in_one_line() {
    let home = Home::new();
    let source = |text: &str| at(SecretPlace::File(home.write("s", text).into()));
    for text in ["hunter 2", "hunter 2\n", "hunter 2\r\n"] {
        assert_eq!(read(&source(text)), Ok(Some("hunter 2".to_owned())));
    }
    for (text, word) in
        [("", "is empty"), ("\n", "is empty"), ("hunter2\nmore\n", "one line"), ("a\0hunter2", "control")]
    {
        let failure = read(&source(text)).unwrap_err();
        assert_says(&failure, Code::ConfigInvalid, &["`clientSecretFile`", home.dir.to_str().unwrap(), word]);
        assert!(!failure.message.contains("hunter2"), "{failure}");
    }
    let failure = read(&source(&"s".repeat(64 * 1024 + 1))).unwrap_err();
    assert_says(&failure, Code::ConfigInvalid, &["larger than"]);
    assert_eq!(read(&source(&"s".repeat(64 * 1024))), Ok(Some("s".repeat(64 * 1024))));
    let failure = read(&at(SecretPlace::File("/nowhere/s".into()))).unwrap_err();
    assert_says(&failure, Code::ConfigInvalid, &["`clientSecretFile`", "/nowhere/s", "does not exist"]);
}

#[test]
fn a_variable_holds_it() {
    let source = |name: &str| at(SecretPlace::Variable(name.to_owned()));
    assert_eq!(read(&source("MINE")), Ok(Some("hunter2".to_owned())));
    assert_eq!(source("MINE").variable(), Some("MINE"));
    for (name, word) in [("EMPTY", "not set"), ("NONE", "not set"), ("LINES", "one line")] {
        assert_says(
            &read(&source(name)).unwrap_err(),
            Code::ConfigInvalid,
            &["`clientSecretEnv`", name, word],
        );
    }
}

#[test]
fn a_message_names_the_key_of_the_secret_that_is_missing() {
    let missing = || SecretPlace::File("/nowhere/s".into());
    for (setting, key, noun) in [
        (Setting::ClientSecret, "`clientSecretFile`", "client secret"),
        (Setting::Assertion, "`assertionFile`", "assertion"),
        (Setting::IdpIdToken, "`idpIdTokenFile`", "ID token"),
        (Setting::IdpClientSecret, "`idpClientSecretFile`", "client secret"),
        (Setting::PrivateKey, "`privateKeyFile`", "private key"),
    ] {
        let failure = read(&SecretSource::new(setting, missing())).unwrap_err();
        assert_says(&failure, Code::ConfigInvalid, &[key, noun, "does not exist"]);
    }
}

#[test]
fn a_private_key_alone_may_have_several_lines() {
    let home = Home::new();
    let file = || SecretPlace::File(home.write("s", "-----BEGIN\r\nkey\n-----END\n").into());
    let key = SecretSource::new(Setting::PrivateKey, file());
    assert_eq!(read(&key), Ok(Some("-----BEGIN\r\nkey\n-----END".to_owned())));
    let assertion = read(&SecretSource::new(Setting::Assertion, file())).unwrap_err();
    assert_says(&assertion, Code::ConfigInvalid, &["`assertionFile`", "more than one line"]);
    let broken = SecretPlace::File(home.write("broken", "-----BEGIN\nk\0y\n").into());
    let failure = read(&SecretSource::new(Setting::PrivateKey, broken)).unwrap_err();
    assert_says(&failure, Code::ConfigInvalid, &["`privateKeyFile`", "control character"]);
}

#[test]
fn an_assertion_has_the_form_of_a_jwt() {
    let source = |setting, text: &str| SecretSource::new(setting, SecretPlace::Variable(text.to_owned()));
    let env = |text: &str| Environment::from_pairs([("T", text)]);
    for setting in [Setting::Assertion, Setting::IdpIdToken] {
        for good in ["eyJ.eyJ.c2ln", "eyJ.eyJ.", "a.b.c.d.e"] {
            assert!(source(setting, "T").read(&env(good)).is_ok(), "{good}");
        }
        for bad in ["hunter2", "Bearer a.b.c", "a.b.c ", "a.b", "\"a.b.c\"", "a.b.c=", "a.é.c"] {
            let failure = source(setting, "T").read(&env(bad)).unwrap_err();
            assert_says(&failure, Code::ConfigInvalid, &[setting.key(), "is no JWT"]);
            assert!(!failure.message.contains("hunter2"), "{failure}");
        }
    }
}

#[cfg(unix)]
mod unix {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_command_prints_it_without_a_shell() {
        assert_eq!(read(&command(&["echo", "$HOME; echo x"])), Ok(Some("$HOME; echo x".to_owned())));
        assert_eq!(read(&command(&["/bin/sh", "-c", "printf %s \"$MINE\""])), Ok(Some("hunter2".to_owned())));
    }

    #[test]
    fn a_command_does_not_see_our_secrets_nor_the_callers_directory() {
        let words = ["/bin/sh", "-c", "echo \"$OAUTH2_CLIENT_SECRET$MCP_CREDENTIAL_KEY-$(pwd)-$A\""];
        let env =
            Environment::from_pairs([("OAUTH2_CLIENT_SECRET", "s"), ("MCP_CREDENTIAL_KEY", "k"), ("A", "a")]);
        assert_eq!(command(&words).read(&env).unwrap().unwrap().expose(), "-/-a");
    }

    #[test]
    fn a_command_that_fails_is_told_by_its_name_alone() {
        let failure =
            read(&command(&["/bin/sh", "-c", "echo hunter2; echo hunter2 >&2; exit 3"])).unwrap_err();
        assert_says(
            &failure,
            Code::Unavailable,
            &["`/bin/sh`", "`clientSecretCommand`", "status: 3", "by hand"],
        );
        assert!(!failure.message.contains("hunter2"), "{failure}");
        let failure = read(&command(&["/nowhere/s"])).unwrap_err();
        assert_says(&failure, Code::ConfigInvalid, &["`/nowhere/s`", "cannot be started"]);
        assert_says(&read(&command(&["true"])).unwrap_err(), Code::ConfigInvalid, &["output", "is empty"]);
        assert_says(&read(&command(&["printf", "a\\nb"])).unwrap_err(), Code::ConfigInvalid, &["one line"]);
        assert_says(&read(&command(&["printf", "\\377"])).unwrap_err(), Code::ConfigInvalid, &["text"]);
    }

    #[test]
    fn a_command_that_prints_without_end_is_cut_off() {
        assert_says(
            &read(&command(&["cat", "/dev/zero"])).unwrap_err(),
            Code::ConfigInvalid,
            &["more than 65536 bytes"],
        );
    }

    #[test]
    fn a_command_that_does_not_end_is_ended() {
        let limit = Duration::from_millis(50);
        for script in ["sleep 1000", "exec >&-; sleep 1000", "echo x; exec sleep 1000"] {
            let source = command(&["/bin/sh", "-c", script]);
            let failure = source.read_within(&Environment::from_process(), limit).unwrap_err();
            assert_says(&failure, Code::Unavailable, &["longer than"]);
        }
    }

    #[test]
    fn what_a_command_has_started_ends_with_it() {
        for rest in ["sleep 1000 & wait", "sleep 1000 & echo x"] {
            let home = Home::new();
            let pipe = home.dir.join("pipe");
            rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RWXU).unwrap();
            let script = format!("exec 3> '{}'; {rest}", pipe.display());
            let source = command(&["/bin/sh", "-c", &script]);
            let run = std::thread::spawn(move || {
                // Before that the pipe must be open: nobody would ever write to it afterwards.
                source.read_within(&Environment::from_process(), Duration::from_secs(5)).unwrap_err()
            });
            // The read ends when the last writer is gone: the grandchild, long before its time.
            assert!(std::fs::read(&pipe).unwrap().is_empty());
            assert_says(&run.join().unwrap(), Code::Unavailable, &["longer than"]);
        }
    }
}

/// The server whose private key is this text, with these keys beside it.
fn with_key(home: &Home, text: &str, more: &str) -> Server {
    let path = home.write("key", text);
    home.write(
        ".mcp-credential/config.json",
        &format!(
            r#"{{"servers":{{"x":{{"url":"https://mcp.example.com/mcp",
                "oauth2":{{"clientId":"c","privateKeyFile":"{path}"{more}}}}}}}}}"#
        ),
    );
    home.server(&[])
}

#[test]
fn a_private_key_is_read_with_its_lines_and_its_name() {
    let home = Home::new();
    let pem = include_str!("../../jose/tests/keys/ec-pkcs8.pem");
    let jwk = include_str!("../../jose/tests/keys/ec.jwk");
    let read = |text: &str, more: &str| {
        let server = with_key(&home, text, more);
        server.credentials(&home.env(&[]), None).unwrap().key.unwrap()
    };
    let key = read(pem, "");
    assert_eq!((key.text.expose(), key.id.as_deref()), (pem.trim(), None));
    assert_eq!(read(jwk, "").id.as_deref(), Some("from-the-jwk"));
    assert_eq!(read(jwk, r#","privateKeyId":"mine""#).id.as_deref(), Some("mine"));
    assert_eq!(read(pem, r#","signingAlgorithm":"ES256""#).text.expose(), pem.trim());
}

#[test]
fn a_private_key_that_cannot_sign_is_refused_and_never_quoted() {
    let home = Home::new();
    let ec = include_str!("../../jose/tests/keys/ec-pkcs8.pem");
    for (text, more, word) in [
        ("hunter2", "", "no private key"),
        (include_str!("../../jose/tests/keys/ec-encrypted.pem"), "", "is encrypted"),
        (ec, r#","signingAlgorithm":"RS256""#, "a key for ES256, but `signingAlgorithm` is RS256"),
    ] {
        let failure = with_key(&home, text, more).credentials(&home.env(&[]), None).unwrap_err();
        assert_says(&failure, Code::ConfigInvalid, &["`privateKeyFile`", word, "/key ("]);
        assert!(!failure.message.contains("hunter2") && !failure.message.contains("MIG"), "{failure}");
    }
}

#[test]
fn a_variable_is_named_where_it_looks_like_one_and_else_the_key_is() {
    let env = Environment::from_pairs([("HOME", "/h")]);
    let told = |name: &str| {
        let source = SecretSource::new(Setting::ClientSecret, SecretPlace::Variable(name.to_owned()));
        source.read(&env).unwrap_err().message
    };
    assert!(told("BOT_SECRET_2").contains("`BOT_SECRET_2` (`clientSecretEnv`)"));
    for name in ["hunter2", "2HUNTER", "Hunter_2"] {
        let message = told(name);
        assert!(!message.contains(name) && message.contains("`clientSecretEnv`"), "{message}");
        assert!(message.contains("clientSecretFile"), "{message}");
    }
}
