//! Every command that a page shows can be typed.

use crate::block::blocks_of;
use crate::page::{Page, pages};
use clap::Parser;
use mcp_credential::cli::Cli;

const PROGRAM: &str = "mcp-credential ";

/// The code of a page: its blocks, line by line with continued lines joined, and what stands in backquotes.
fn code(page: &Page) -> Vec<String> {
    let blocks = blocks_of(page);
    let in_blocks = blocks.iter().flat_map(|block| {
        let joined = block.text.replace("\\\n", " ");
        joined.lines().map(str::to_owned).collect::<Vec<_>>()
    });
    let prose = page.text.split("\n```").step_by(2).flat_map(str::lines);
    let in_line = prose.flat_map(|line| line.split('`').skip(1).step_by(2)).map(str::to_owned);
    in_blocks.chain(in_line).collect()
}

/// The commands in one line of code, each as its words.
fn commands(line: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for (at, _) in line.match_indices(PROGRAM) {
        let before = line[..at].chars().next_back();
        if before.is_some_and(|c| !(c.is_whitespace() || "(\"'/".contains(c))) {
            continue;
        }
        let rest = &line[at..];
        // Within a string of JSON or TOML the command ends with the string.
        let end = if before == Some('"') { rest.find('"') } else { rest.find(|c| ")|;#>".contains(c)) };
        let command = &rest[..end.unwrap_or(rest.len())];
        let plain = |word: &str| word.trim_matches(|c| "\"'[]".contains(c)).to_owned();
        found.push(command.split_whitespace().map(plain).collect());
    }
    found
}

/// Why a command cannot be typed; help and version can.
fn problem(words: &[String]) -> Option<String> {
    let error = Cli::try_parse_from(words).err()?;
    error.use_stderr().then(|| error.to_string())
}

#[test]
fn every_command_of_the_pages_can_be_typed() {
    let mut count = 0;
    for page in pages() {
        for words in code(&page).iter().flat_map(|line| commands(line)) {
            assert_eq!(problem(&words), None, "{}: {}", page.path.display(), words.join(" "));
            count += 1;
        }
    }
    assert!(count > 30, "only {count} commands were found");
}

#[test]
fn the_commands_of_every_kind_of_line_are_found() {
    for (line, expected) in [
        ("answer=$(mcp-credential get demo)", "mcp-credential get demo"),
        (
            r#""headersHelper": "mcp-credential get demo --format headers""#,
            "mcp-credential get demo --format headers",
        ),
        ("A=b mcp-credential get ci | curl -H @- x", "mcp-credential get ci"),
        (
            r#"mcp-credential refresh a --rejected-generation "$g""#,
            "mcp-credential refresh a --rejected-generation $g",
        ),
        (
            "mcp-credential add demo https://x.example/mcp   # name it",
            "mcp-credential add demo https://x.example/mcp",
        ),
    ] {
        assert_eq!(commands(line), [expected.split(' ').collect::<Vec<_>>()], "{line}");
    }
    assert!(problem(&["mcp-credential", "get", "demo", "--no-such", "auto"].map(str::to_owned)).is_some());
}
