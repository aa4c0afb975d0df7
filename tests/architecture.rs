//! The directions of the house: who may see whom, and which room alone may do what.
//!
//! The source is read as text, without comments and without tests. Limit: what hides behind a macro, another
//! name or a library is not seen. Every exception stands here with its reason, and one that is not needed any
//! more is found.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The longest file of the project, in lines.
const LONGEST: usize = 450;

/// A power that one room has and the others have not.
struct Rule {
    /// What may be done in one room alone.
    power: &'static str,
    /// The code that does it.
    words: &'static [&'static str],
    /// The room: the beginnings of its paths.
    room: &'static [&'static str],
    /// Elsewhere: path, code on the line, and why it is right.
    exceptions: &'static [(&'static str, &'static str, &'static str)],
}

const RULES: [Rule; 11] = [
    Rule {
        power: "write standard output",
        words: &["stdout()", "println!", "print!", ".print()"],
        room: &["src/reply/"],
        exceptions: &[
            ("src/worker/child.rs", "io::stdout()", "a worker's standard output is the socket to its caller"),
            ("src/door.rs", "error.print()", "clap prints help and version itself"),
        ],
    },
    Rule {
        power: "read standard input",
        words: &["io::stdin()"],
        room: &["src/request/"],
        exceptions: &[
            (
                "src/worker/child.rs",
                "io::stdin()",
                "a worker's standard input is the locked file that its caller hands over",
            ),
            (
                "src/browser.rs",
                "io::stdin()",
                "the opener of a browser gets the address there, unseen by others",
            ),
            ("src/terminal.rs", "io::stdin()", "the address that a person pastes for `login --paste`"),
        ],
    },
    Rule {
        power: "read the environment",
        words: &["env::var", "env::vars", "env::var_os", "env::vars_os"],
        room: &["src/config/"],
        exceptions: &[],
    },
    Rule {
        power: "write files",
        words: &[
            "fs::write",
            "fs::rename",
            "fs::remove_file",
            "fs::remove_dir",
            "fs::remove_dir_all",
            "fs::create_dir",
            "fs::create_dir_all",
            "fs::hard_link",
            "fs::copy",
            "fs::set_permissions",
            "File::create",
            "File::create_new",
            "File::options",
            "OpenOptions",
            "DirBuilder",
            "symlink",
            "set_len",
            "set_permissions",
            "rustix::fs",
        ],
        room: &["src/store/"],
        exceptions: &[
            ("src/config/read.rs", "use std::fs::{File, Metadata, OpenOptions};", "opens for reading alone"),
            ("src/config/read.rs", "OpenOptions::new().read(true)", "opens for reading alone"),
            ("src/config/read.rs", "OFlags::NONBLOCK", "a flag, so that a pipe is not waited for"),
        ],
    },
    Rule { power: "lock files", words: &["fs2"], room: &["src/store/lock.rs"], exceptions: &[] },
    Rule { power: "seal secrets", words: &["aes_gcm"], room: &["src/store/seal.rs"], exceptions: &[] },
    Rule {
        power: "speak HTTP",
        words: &["reqwest"],
        room: &["src/oauth/http"],
        exceptions: &[(
            "src/oauth/challenge.rs",
            "use reqwest::header::HeaderMap;",
            "the type of an answer's headers",
        )],
    },
    Rule {
        power: "sign",
        words: &["ring::"],
        room: &["src/jose/"],
        exceptions: &[("src/oauth/http/build.rs", "rustls::crypto::ring::", "the provider of TLS")],
    },
    Rule { power: "parse HTTP", words: &["httparse"], room: &["src/oauth/callback/"], exceptions: &[] },
    Rule { power: "open a browser", words: &["webbrowser"], room: &["src/browser.rs"], exceptions: &[] },
    Rule {
        power: "know the command line",
        words: &["clap"],
        room: &["src/cli.rs", "src/door", "src/commands/capabilities.rs"],
        exceptions: &[],
    },
];

/// Who must not see whom: the beginning of the paths, and the room.
const BLIND: [(&str, &str); 9] = [
    ("src/jose/", "store"),
    ("src/jose/", "oauth"),
    ("src/jose/", "config"),
    ("src/store/", "oauth"),
    ("src/oauth/", "store"),
    ("src/broker/", "store"),
    ("src/broker/", "oauth"),
    ("src/config/", "store"),
    ("src/reply/", "store"),
];

/// A source file without comments and tests.
struct Source {
    path: String,
    code: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below `folder` whose name ends in `.rs`, relative to the root.
fn rust_files(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root().join(folder)).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let relative = path.strip_prefix(root()).unwrap();
        if path.is_dir() && name != "target" && name != "node_modules" && !name.starts_with('.') {
            found.extend(rust_files(relative.to_str().unwrap()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(relative.to_owned());
        }
    }
    found
}

/// The program's source. The build script is no part of the program.
fn sources() -> Vec<Source> {
    let mut found: Vec<Source> = Vec::new();
    let mut of_tests: Vec<String> = Vec::new();
    for path in rust_files("src") {
        let text = fs::read_to_string(root().join(&path)).unwrap();
        let path = path.to_str().unwrap().to_owned();
        let (code, modules) = without_tests(&text);
        let folder = folder_of(&path);
        of_tests.extend(modules.iter().map(|module| format!("{folder}/{module}")));
        found.push(Source { path, code });
    }
    let is_test = |path: &str| {
        of_tests.iter().any(|test| path == format!("{test}.rs") || path.starts_with(&format!("{test}/")))
    };
    found.retain(|source| source.path != "src/build.rs" && !is_test(&source.path));
    assert!(found.len() > 60, "only {} files were found", found.len());
    found
}

/// Where the modules of a file lie.
fn folder_of(path: &str) -> String {
    let stem = path.trim_end_matches(".rs");
    let stem = ["/mod", "/lib", "/main"].iter().find_map(|end| stem.strip_suffix(end)).unwrap_or(stem);
    stem.to_owned()
}

/// The code of a file without comments and without what is marked as a test, and the modules so marked.
fn without_tests(text: &str) -> (String, Vec<String>) {
    let (mut code, mut modules) = (String::new(), Vec::new());
    let mut lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    while let Some(line) = lines.next() {
        if line.trim() != "#[cfg(test)]" {
            code.push_str(line);
            code.push('\n');
            continue;
        }
        let indent = line.len() - line.trim_start().len();
        let item = lines.find(|line| !line.trim_start().starts_with("#[")).unwrap_or_default();
        if let Some(module) = item.trim().strip_suffix(';').and_then(|item| item.split("mod ").nth(1)) {
            modules.push(module.to_owned());
        } else if !item.trim().ends_with(['}', ';']) {
            // rustfmt puts the end of an item below its beginning.
            let end = format!("{}}}", " ".repeat(indent));
            lines.find(|line| *line == end);
        }
    }
    (code, modules)
}

/// The lines that contain `word` as a whole word.
fn lines_with<'a>(code: &'a str, word: &str) -> Vec<&'a str> {
    let within = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let begins = word.starts_with(|c: char| c.is_alphanumeric());
    let ends = word.ends_with(|c: char| c.is_alphanumeric());
    let whole = |line: &str| {
        line.match_indices(word).any(|(at, _)| {
            let (before, after) = (line[..at].chars().next_back(), line[at + word.len()..].chars().next());
            !(begins && within(before) || ends && within(after))
        })
    };
    code.lines().filter(|line| whole(line)).collect()
}

/// What in `source` breaks `rule`, and which exceptions it needs.
fn breaches(rule: &Rule, source: &Source) -> (Vec<String>, BTreeSet<usize>) {
    let (mut broken, mut needed) = (Vec::new(), BTreeSet::new());
    if rule.room.iter().any(|room| source.path.starts_with(room)) {
        return (broken, needed);
    }
    for line in rule.words.iter().flat_map(|word| lines_with(&source.code, word)) {
        let excused = |(path, code, _): &(&str, &str, &str)| *path == source.path && line.contains(code);
        match rule.exceptions.iter().position(excused) {
            Some(index) => drop(needed.insert(index)),
            None => broken.push(format!("{} may not {}: {}", source.path, rule.power, line.trim())),
        }
    }
    (broken, needed)
}

/// The rooms that a file names: the first words after `crate::`, also in a group.
fn rooms(code: &str) -> BTreeSet<&str> {
    let mut rooms = BTreeSet::new();
    for (at, path) in code.match_indices("crate::") {
        let rest = &code[at + path.len()..];
        match rest.strip_prefix('{') {
            None => drop(rooms.insert(first_word(rest))),
            Some(group) => rooms.extend(members(group)),
        }
    }
    rooms
}

/// The first words of the members of a group, which ends with its brace.
fn members(group: &str) -> Vec<&str> {
    let (mut depth, mut start, mut found) = (0, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                found.push(first_word(group[start..at].trim_start()));
                start = at + 1;
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    found
}

fn first_word(text: &str) -> &str {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
    &text[..end]
}

#[test]
fn each_power_stays_in_its_room() {
    let sources = sources();
    for rule in RULES {
        let (mut broken, mut needed) = (Vec::new(), BTreeSet::new());
        for source in &sources {
            let (breaches, exceptions) = breaches(&rule, source);
            broken.extend(breaches);
            needed.extend(exceptions);
        }
        assert!(broken.is_empty(), "{broken:#?}");
        let all: BTreeSet<usize> = (0..rule.exceptions.len()).collect();
        assert_eq!(needed, all, "an exception of `{}` is not needed any more", rule.power);
        let used = sources.iter().filter(|source| rule.room.iter().any(|room| source.path.starts_with(room)));
        let used = used.flat_map(|source| rule.words.iter().flat_map(|word| lines_with(&source.code, word)));
        assert!(
            used.count() > 0,
            "nobody in its room does `{}`: the rule looks for the wrong words",
            rule.power
        );
    }
}

#[test]
fn rooms_do_not_see_what_they_must_not_know() {
    let sources = sources();
    for (beginning, forbidden) in BLIND {
        let room: Vec<&Source> = sources.iter().filter(|source| source.path.starts_with(beginning)).collect();
        assert!(!room.is_empty(), "{beginning} is empty");
        for source in room {
            assert!(!rooms(&source.code).contains(forbidden), "{} must not see {forbidden}", source.path);
        }
    }
}

#[test]
fn functions_of_the_file_system_are_called_by_their_full_name() {
    // A bare `write(…)` could not be told from others, and the rule about files would not see it.
    for source in sources() {
        for line in source.code.lines().filter(|line| line.trim_start().starts_with("use std::fs::")) {
            let names = line.trim().trim_start_matches("use std::fs::").trim_matches(['{', '}', ';']);
            let is_type = |name: &str| name.starts_with(|c: char| c.is_uppercase());
            assert!(names.split(", ").all(is_type), "{}: {line}", source.path);
        }
    }
}

#[test]
fn no_file_is_longer_than_anybody_reads() {
    for path in rust_files("") {
        let lines = fs::read_to_string(root().join(&path)).unwrap().lines().count();
        assert!(lines <= LONGEST, "{} has {lines} lines", path.display());
    }
}

#[test]
fn every_file_says_first_what_it_owns() {
    for path in rust_files("src") {
        let text = fs::read_to_string(root().join(&path)).unwrap();
        let begun = text.lines().next().is_some_and(|line| line.starts_with("//! "));
        let of_tests =
            path.ends_with("tests.rs") || path.components().any(|part| part.as_os_str() == "tests");
        assert!(begun || of_tests, "{} does not begin with `//!`", path.display());
    }
}

#[test]
fn each_rule_finds_what_it_forbids() {
    for rule in RULES {
        for word in rule.words {
            let code = format!("fn f() {{\n    {word}\n}}\n");
            let source = Source { path: "src/elsewhere.rs".into(), code };
            assert!(!breaches(&rule, &source).0.is_empty(), "{word}");
        }
    }
    let harmless = "eprintln!(x); path.is_symlink(); child.stdout.take(); command.stdout(Stdio::null());\n";
    let source = Source { path: "src/elsewhere.rs".into(), code: harmless.into() };
    assert!(RULES.iter().all(|rule| breaches(rule, &source).0.is_empty()));
    assert_eq!(
        rooms("use crate::{a::b, c::{d, e}, f};\nlet x = crate::g::h();"),
        BTreeSet::from(["a", "c", "f", "g"])
    );
}

#[test]
fn tests_and_comments_are_left_out() {
    let text = "use a;\n// std::env::var\n#[cfg(test)]\nmod tests {\n    fn b() {\n    }\n}\nuse c;\n\
                #[cfg(test)]\n#[path = \"x\"]\npub(crate) mod samples;\nfn d() {}\n";
    assert_eq!(without_tests(text), ("use a;\nuse c;\nfn d() {}\n".to_owned(), vec!["samples".to_owned()]));
    assert_eq!((folder_of("src/a/mod.rs"), folder_of("src/a.rs")), ("src/a".to_owned(), "src/a".to_owned()));
    assert_eq!(folder_of("src/lib.rs"), "src");
}
