//! The measurements that a shell cannot make well; `tests/bench/run` calls them and prints the table.
//!
//! Owns: logging in for the others, and the times of calls that need a server or come in crowds. Prints
//! `name value` lines, in milliseconds unless the name says otherwise. Nothing here passes or fails by time.
//! Limits: Linux (`/proc`); one machine's numbers say little about another's, ratios say more.

mod crowd;
mod home;
mod refresh;

use anyhow::{Context, Result, bail};
use home::{Home, VISIT};
use oauthserver::browser;
use std::io::Write;
use std::process::ExitCode;

const USAGE: &str = "usage: bench login PROGRAM HOME | refresh PROGRAM HOME ROUNDS | \
                     stale PROGRAM HOME ROUNDS | fresh PROGRAM HOME ROUNDS; see tests/bench/run";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Whoever closed stderr has the exit status left.
            let _ = writeln!(std::io::stderr(), "bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[&str]) -> Result<()> {
    match *words {
        [VISIT, url] => browser::visit(url).map(drop).context("the login page cannot be visited"),
        ["login", program, home] => crowd::log_in(&Home::new(program, home)),
        ["refresh", program, home, rounds] => refresh::measure(&Home::new(program, home), rounds.parse()?),
        ["stale", program, home, rounds] => crowd::stale(&Home::new(program, home), rounds.parse()?),
        ["fresh", program, home, rounds] => crowd::fresh(&Home::new(program, home), rounds.parse()?),
        _ => bail!("{USAGE}"),
    }
}

/// Prints one line of results.
fn print(name: &str, value: f64) -> Result<()> {
    writeln!(std::io::stdout(), "{name} {value:.3}").map_err(Into::into)
}

/// The middle of `values`.
fn median(values: &mut [f64]) -> Result<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().context("nothing was measured")
}
