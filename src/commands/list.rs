//! `list`: the configured servers, and those that only a stored login speaks of.

use super::status::{self, Summary};
use crate::cli::{ListArgs, ListFormat};
use crate::config::{self, Environment};
use crate::failure::Outcome;
use crate::reply;

/// Runs the verb.
///
/// # Errors
/// Those of the configuration as a whole; a single bad entry is listed with what is wrong with it.
pub fn run(args: &ListArgs, environment: &Environment) -> Outcome<()> {
    let servers = config::load_all(environment)?;
    let summaries = status::all(&servers, environment)?;
    match args.format {
        ListFormat::Json => reply::document(&summaries.iter().map(Summary::brief).collect::<Vec<_>>()),
        ListFormat::Text if summaries.is_empty() => {
            reply::note(&status::nothing(&servers));
            Ok(())
        }
        ListFormat::Text => reply::line(&table(&summaries)),
    }
}

fn table(summaries: &[Summary]) -> String {
    let width = |of: fn(&Summary) -> usize| summaries.iter().map(of).max().unwrap_or(0);
    let (names, states) = (width(|s| s.name.chars().count()), width(|s| s.state_text().chars().count()));
    let lines: Vec<String> = summaries
        .iter()
        .map(|s| {
            let (name, state) = (&s.name, s.state_text());
            format!("{name:names$}  {state:states$}  {}", s.url.as_deref().unwrap_or("-"))
        })
        .collect();
    lines.join("\n")
}
