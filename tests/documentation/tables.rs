//! The tables of the contract are the program's own.

use crate::page::page;
use crate::schema::{members, published, words};
use clap::{Arg, Command, CommandFactory, ValueEnum};
use mcp_credential::broker::Source;
use mcp_credential::cli::{Cli, EraseScope, Format, InteractiveArg, VerifyArg};
use mcp_credential::failure::{CODES, Code};
use serde_json::Value;
use std::collections::BTreeSet;

/// The rows below the header that begins with `first`, in the section `title` of the page at `path`.
#[track_caller]
pub fn table(path: &str, title: &str, first: &str) -> Vec<Vec<String>> {
    let section = page(path).section(title);
    let lines: Vec<&str> = section.lines().collect();
    let is_header =
        |pair: &[&str]| pair[0].starts_with(&format!("| {first} |")) && pair[1].starts_with("|---");
    let header = lines.windows(2).position(is_header);
    let header = header.unwrap_or_else(|| panic!("{path}: `{title}` has no table of `{first}`"));
    let rows = lines[header + 2..].iter().take_while(|line| line.starts_with('|'));
    rows.map(|line| line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect())
        .collect()
}

/// The first column of a table, without backquotes.
#[track_caller]
pub fn first_column(path: &str, title: &str, first: &str) -> Vec<String> {
    table(path, title, first).iter().map(|row| row[0].replace('`', "")).collect()
}

fn sorted<S: Into<String>>(items: impl IntoIterator<Item = S>) -> BTreeSet<String> {
    items.into_iter().map(Into::into).collect()
}

fn names<V: ValueEnum>() -> Vec<String> {
    let name = |value: &V| Some(value.to_possible_value()?.get_name().to_owned());
    V::value_variants().iter().filter_map(name).collect()
}

fn verbs() -> Vec<Command> {
    Cli::command().get_subcommands().cloned().collect()
}

/// The options of a verb, without those that every program has.
fn options(verb: &Command) -> impl Iterator<Item = &Arg> {
    verb.get_arguments().filter(|argument| argument.get_long().is_some_and(|long| long != "help"))
}

/// The way a verb is written: its name, what stands without a dash, and the options that it needs.
fn synopsis(verb: &Command) -> String {
    let position = |argument: &Arg| {
        let name = argument.get_id().as_str().to_uppercase();
        if argument.is_required_set() { format!(" {name}") } else { format!(" [{name}]") }
    };
    let needed = options(verb).filter(|option| option.is_required_set()).map(|option| {
        let name = option.get_long().unwrap_or_default();
        format!(" --{name} {}", name.to_uppercase())
    });
    let words: String = verb.get_positionals().map(position).chain(needed).collect();
    verb.get_name().to_owned() + &words
}

#[test]
fn the_table_of_codes_is_the_programs() {
    let rows = table("protocol.md", "Errors", "code");
    let written: Vec<[&str; 3]> =
        rows.iter().map(|row| [row[0].trim_matches('`'), &row[1], &row[2]]).collect();
    let known: Vec<[String; 3]> = CODES
        .iter()
        .map(|code| {
            let retryable = if code.retryable() { "yes" } else { "no" };
            [code.as_str().to_owned(), code.exit_status().to_string(), retryable.to_owned()]
        })
        .collect();
    assert_eq!(written, known);
    assert_eq!(words("error", "/$defs/code/enum"), CODES.map(|code| code.as_str().to_owned()));
}

#[test]
fn the_readme_knows_every_exit_status() {
    let written = first_column("README.md", "In a shell script", "exit");
    let known = CODES.iter().map(|code| code.exit_status().to_string()).chain(["0".to_owned()]);
    assert_eq!(sorted(written), sorted(known));
}

#[test]
fn login_commands_are_promised_for_the_codes_that_carry_one() {
    let row = table("protocol.md", "Errors", "field").pop().unwrap();
    let named = |code: &&Code| row[2].contains(&format!("`{}`", code.as_str()));
    let written: Vec<Code> = CODES.iter().filter(named).copied().collect();
    let known: Vec<Code> = CODES.into_iter().filter(|code| code.wants_login()).collect();
    assert_eq!((row[0].as_str(), written), ("`error.login`", known));
}

#[test]
fn the_table_of_sources_is_the_programs() {
    // A new variant does not compile until it stands here and in the list below.
    let listed = |source: Source| match source {
        Source::Cache
        | Source::Refreshed
        | Source::AlreadyRotated
        | Source::Login
        | Source::Granted
        | Source::StaleOk => serde_json::to_value(source).unwrap().as_str().unwrap().to_owned(),
    };
    let all = [
        Source::Cache,
        Source::Refreshed,
        Source::AlreadyRotated,
        Source::Login,
        Source::Granted,
        Source::StaleOk,
    ];
    let known = all.map(listed);
    assert_eq!(first_column("protocol.md", "The answer", "`source`"), known);
    assert_eq!(words("answer", "/properties/source/enum"), known);
}

#[test]
fn the_tables_of_fields_are_those_of_the_schemas() {
    assert_eq!(first_column("protocol.md", "The answer", "field"), members("answer", "/properties"));
    let outer = members("error", "/properties").into_iter().filter(|name| name != "error");
    let inner =
        members("error", "/properties/error/properties").into_iter().map(|name| format!("error.{name}"));
    assert_eq!(first_column("protocol.md", "Errors", "field"), outer.chain(inner).collect::<Vec<_>>());
    assert_eq!(first_column("protocol.md", "erase", "field"), members("erase", "/properties"));
    let requested = members("request", "/properties").into_iter().flat_map(|name| {
        let inner = published("request").pointer(&format!("/properties/{name}/properties")).cloned();
        match inner.as_ref().and_then(Value::as_object) {
            Some(inner) => inner.keys().map(|key| format!("{name}.{key}")).collect(),
            None => vec![name],
        }
    });
    assert_eq!(first_column("protocol.md", "The request object", "field"), requested.collect::<Vec<_>>());
    assert_eq!(first_column("protocol.md", "list", "field"), members("list", "/items/properties"));
    let more =
        members("status", "/$defs/server/properties").split_off(members("list", "/items/properties").len());
    assert_eq!(first_column("protocol.md", "status", "field"), more);
}

#[test]
fn the_tables_of_words_are_those_of_the_schemas_and_of_the_source() {
    let states = first_column("protocol.md", "list", "`state`");
    assert_eq!(states, words("list", "/items/properties/state/enum"));
    assert_eq!(states, words("status", "/$defs/server/properties/state/enum"));
    let reasons = first_column("protocol.md", "erase", "`reason`");
    assert_eq!(reasons, words("erase", "/properties/reason/enum"));
    for (words, source) in [
        (states, include_str!("../../src/commands/status.rs")),
        (reasons, include_str!("../../src/commands/erase.rs")),
    ] {
        for word in words {
            assert!(source.contains(&format!("\"{word}\"")), "the program never says {word}");
        }
    }
}

#[test]
fn the_table_of_formats_is_the_programs() {
    assert_eq!(first_column("protocol.md", "Formats", "`--format`"), names::<Format>());
}

#[test]
fn the_table_of_interaction_is_the_programs() {
    assert_eq!(first_column("protocol.md", "Interaction", "value"), names::<InteractiveArg>());
}

#[test]
fn the_table_of_verification_is_the_programs() {
    assert_eq!(first_column("protocol.md", "Asking the server first", "`--verify`"), names::<VerifyArg>());
}

#[test]
fn the_scopes_of_erase_are_named() {
    let row = table("protocol.md", "erase", "option").into_iter().find(|row| row[0].starts_with("`--scope"));
    let row = row.unwrap();
    for scope in names::<EraseScope>() {
        assert!(row[1].contains(&format!("`{scope}`")), "{scope}");
    }
}

#[test]
fn the_table_of_verbs_is_the_programs() {
    let known: Vec<String> = verbs().iter().map(synopsis).collect();
    assert_eq!(first_column("protocol.md", "Verbs", "verb"), known);
}

/// The options that the first table of options in a section names.
fn written_options(section: &str) -> BTreeSet<String> {
    let text = page("protocol.md").section(section);
    if !text.contains("| option |") {
        return BTreeSet::new();
    }
    let written = first_column("protocol.md", section, "option");
    written.iter().map(|option| option.split(' ').next().unwrap().to_owned()).collect()
}

/// Those that do something: a hidden one is known only to be refused.
fn option_names(verb: &Command) -> BTreeSet<String> {
    options(verb)
        .filter(|option| !option.is_hide_set())
        .map(|option| format!("--{}", option.get_long().unwrap()))
        .collect()
}

#[test]
fn every_verb_lists_exactly_its_options() {
    let common = verbs().iter().map(option_names).reduce(|all, own| &all & &own).unwrap();
    assert_eq!(written_options("Verbs"), common);
    for verb in verbs() {
        let section = verb.get_name();
        assert!(
            page("protocol.md").section(section).contains(&format!("`mcp-credential {}`", synopsis(&verb)))
        );
        assert_eq!(written_options(section), &option_names(&verb) - &common, "{section}");
    }
}

#[test]
fn every_option_of_the_contract_exists() {
    let of_clap = ["--help", "--version"].map(str::to_owned);
    let all: BTreeSet<String> = verbs().iter().flat_map(option_names).chain(of_clap).collect();
    let text = page("protocol.md").text;
    let written = text.split(|c: char| !(c.is_ascii_lowercase() || c == '-')).filter(|word| {
        word.strip_prefix("--").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()))
    });
    for option in written {
        assert!(all.contains(option), "{option} does not exist");
    }
}
