//! The promises and cases of docs/reliability.md and the rules of docs/conformance.md are all there, and every test
//! that they name exists.
//!
//! Limit: whether a test proves what the page says is for people to judge.

use crate::page::{Page, page, root};
use std::fs;
use std::path::Path;

const PAGE: &str = "docs/reliability.md";
const RULES: &str = "docs/conformance.md";

/// How many rules there are; the parts of one stand behind a full stop.
const RULE_COUNT: usize = 28;

/// The cases that have a letter besides their number.
const LETTERED: [&str; 2] = ["51b", "74b"];

/// The rows of every table in a section of the page: the first cell, and the tests of the last.
fn rows(page: &Page, title: &str) -> Vec<(String, Vec<String>)> {
    let section = page.section(title);
    let is_row = |line: &&str| line.starts_with("| ") && !line.ends_with("| tests |");
    section.lines().filter(is_row).map(row).collect()
}

fn row(line: &str) -> (String, Vec<String>) {
    let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
    let named = cells[cells.len() - 1].split('`').skip(1).step_by(2);
    (cells[0].to_owned(), named.map(str::to_owned).collect())
}

/// What is wrong with a named test such as `kill::a_sentence`, if anything.
fn problem(name: &str) -> Option<String> {
    let Some((file, test)) = name.rsplit_once("::") else { return Some(format!("{name} has no file")) };
    let folder = if file.starts_with("src/") { "" } else { "tests" };
    let path = root().join(folder).join(format!("{file}.rs"));
    (!has_test(&path, test)).then(|| format!("{name} is no test"))
}

fn has_test(path: &Path, test: &str) -> bool {
    let source = fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = source.lines().map(str::trim_start).collect();
    let start = format!("fn {test}(");
    let Some(at) = lines.iter().position(|line| line.starts_with(&start)) else { return false };
    let before = lines[..at].iter().rev().take_while(|line| line.starts_with("#[") || line.starts_with("//"));
    before.into_iter().any(|line| *line == "#[test]")
}

/// What is wrong with the rows of a section, whose first cells must be these.
fn problems(page: &Page, title: &str, expected: &[String]) -> Vec<String> {
    let rows = rows(page, title);
    let found: Vec<&String> = rows.iter().map(|(first, _)| first).collect();
    let missing =
        expected.iter().filter(|first| !found.contains(first)).map(|first| format!("no row {first}"));
    let counted = (found.len() != expected.len()).then(|| format!("{} rows of `{title}`", found.len()));
    let untested = rows.iter().filter(|(_, tests)| tests.is_empty());
    let untested = untested.map(|(first, _)| format!("{first} names no test"));
    let unknown = rows.iter().flat_map(|(_, tests)| tests).filter_map(|test| problem(test));
    missing.chain(counted).chain(untested).chain(unknown).collect()
}

fn promises() -> Vec<String> {
    (1..=18).map(|number| format!("P{number}")).collect()
}

fn cases() -> Vec<String> {
    let numbers = (1..=80).map(|number| number.to_string());
    numbers.chain(LETTERED.map(str::to_owned)).collect()
}

/// The rules of a page in the order of their rows, each once, whatever number of parts it has.
fn rules(page: &Page) -> Vec<usize> {
    let number = |first: &str| first.split('.').next().unwrap().parse().unwrap_or_default();
    let mut found: Vec<usize> = rows(page, "Rules").iter().map(|(first, _)| number(first)).collect();
    found.dedup();
    found
}

#[test]
fn every_rule_names_tests_that_exist() {
    let page = page(RULES);
    assert_eq!(rules(&page), (1..=RULE_COUNT).collect::<Vec<_>>());
    let named: Vec<String> = rows(&page, "Rules").into_iter().map(|(first, _)| first).collect();
    assert_eq!(problems(&page, "Rules", &named), [""; 0]);
}

#[test]
fn every_promise_names_tests_that_exist() {
    assert_eq!(problems(&page(PAGE), "The promises", &promises()), [""; 0]);
}

#[test]
fn every_case_names_tests_that_exist() {
    assert_eq!(problems(&page(PAGE), "The cases", &cases()), [""; 0]);
}

#[test]
fn a_missing_row_an_empty_one_and_a_wrong_name_are_found() {
    let head = "## The promises\n\n| promise | what it says | tests |\n|---|---|---|\n";
    let wrong = "| P1 | a | `kill::no_such_test` |\n| P2 | b | none |\n| P3 | c | `kill::wait_for` `x` |\n";
    let page = Page { path: PAGE.into(), text: format!("{head}{wrong}") };
    let found = problems(&page, "The promises", &promises()[..4]);
    assert_eq!(
        found,
        [
            "no row P4",
            "3 rows of `The promises`",
            "P2 names no test",
            "kill::no_such_test is no test",
            "kill::wait_for is no test",
            "x has no file"
        ]
    );
}
