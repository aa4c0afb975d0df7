//! The names of servers: which texts are names, and which configured name a wrong one may mean.
//!
//! A name becomes a part of file names on every system, so the grammar is narrow: what one system would fold,
//! reserve or read as a path is no name.

use crate::failure::{Code, Failure, Outcome};
use crate::text::one_line;

/// The longest name, in characters.
pub const NAME_LIMIT: usize = 64;

/// How many suggestions are given at most.
const SUGGESTIONS: usize = 3;

/// Checks that `name` is one: a letter or digit, then letters, digits, `.`, `_`, `-`, with at most one `@`
/// inside; not ending in `.json` or `.lock`; no Windows device name.
///
/// # Errors
/// `usage` with the rule that it breaks.
pub fn check(name: &str) -> Outcome<()> {
    let Some(rule) = broken_rule(name) else { return Ok(()) };
    let shown = one_line(name);
    Err(Failure::new(Code::Usage, format!("`{shown}` is not a server name: {rule}")))
}

fn broken_rule(name: &str) -> Option<&'static str> {
    let lower = name.to_ascii_lowercase();
    if name.is_empty() {
        Some("it is empty")
    } else if name.len() > NAME_LIMIT {
        Some("it is longer than 64 characters")
    } else if !name.starts_with(|first: char| first.is_ascii_alphanumeric()) {
        Some("it must begin with a letter or a digit")
    } else if !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '@')) {
        Some("only letters, digits, `.`, `_`, `-` and one `@` are allowed")
    } else if name.matches('@').count() > 1 || name.ends_with('@') {
        Some("there may be one `@`, with something on both sides")
    } else if [".json", ".lock"].iter().any(|end| lower.ends_with(end)) {
        Some("it must not end in `.json` or `.lock`")
    } else if is_device(&lower) {
        Some("it is a device name on Windows")
    } else {
        None
    }
}

/// Windows reserves these with any extension (Microsoft, "Naming Files, Paths, and Namespaces").
fn is_device(lower: &str) -> bool {
    let stem = lower.split('.').next().unwrap_or(lower);
    matches!(stem, "con" | "prn" | "aux" | "nul")
        || (stem.len() == 4
            && (stem.starts_with("com") || stem.starts_with("lpt"))
            && stem.ends_with(|last: char| last.is_ascii_digit()))
}

/// The candidates that `name` may have meant, the nearest first: those within a few edits, whatever the case.
pub fn near<S: AsRef<str>>(name: &str, candidates: impl IntoIterator<Item = S>) -> Vec<String> {
    let wanted: String = name.chars().take(NAME_LIMIT).collect::<String>().to_ascii_lowercase();
    let mut found: Vec<(usize, String)> = candidates
        .into_iter()
        .map(|candidate| candidate.as_ref().to_owned())
        .map(|candidate| (strsim::osa_distance(&wanted, &candidate.to_ascii_lowercase()), candidate))
        .filter(|(distance, candidate)| {
            let shorter = wanted.len().min(candidate.len());
            *distance < shorter && *distance <= 1 + shorter / 5
        })
        .collect();
    found.sort();
    found.dedup();
    found.into_iter().take(SUGGESTIONS).map(|(_, candidate)| candidate).collect()
}

/// ` (did you mean `x` or `y`?)`, or nothing.
pub(super) fn did_you_mean(names: &[String]) -> String {
    if names.is_empty() {
        return String::new();
    }
    let shown: Vec<String> = names.iter().map(|name| format!("`{}`", one_line(name))).collect();
    format!(" (did you mean {}?)", shown.join(" or "))
}
