//! A demonstration that checks itself: `cargo run --example demo`.
//!
//! Owns: the story of one login against a test server on this machine, told by running the real program. The
//! test server and the person at the browser are played by this process; everything else is the program's own.
//! Refuses to know: how the program works inside. It sees arguments, environment, output and exit status; what
//! the server saw comes from the server's own log.
//! Limits: needs Linux or another Unix, no network, no browser and no terminal. It stops at the first
//! expectation that is not met, with exit status 1.

mod mcp;
mod program;
mod show;
mod story;

use anyhow::Context;
use oauthserver::{OAuthServer, Settings, browser};
use program::{Home, VISIT};
use show::Show;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;
use story::Story;

/// How long the first tokens live: long enough to look at one, short enough to see one end.
const FIRST_LIFE: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.as_slice() {
        [verb, url] if verb == VISIT => visit(url),
        [] => tell(),
        _ => Err(anyhow::anyhow!("it takes no arguments: cargo run --example demo")),
    };
    let Err(error) = done else { return ExitCode::SUCCESS };
    // Whoever closed stderr has the exit status left.
    let _ = writeln!(std::io::stderr(), "demo: {error:#}");
    ExitCode::FAILURE
}

/// What `$BROWSER` is for the program: the person who opens the login page and agrees.
fn visit(url: &str) -> anyhow::Result<()> {
    let page = browser::visit(url).context("the login page cannot be visited")?;
    anyhow::ensure!(page.status == 200, "the visit ended with status {}", page.status);
    Ok(())
}

fn tell() -> anyhow::Result<()> {
    let program = program::build()?;
    let home = Home::new(program)?;
    let settings = Settings { access_token_ttl: FIRST_LIFE, ..Settings::default() };
    let server = OAuthServer::start(settings).context("the test server does not start")?;
    Story::new(&server, &home, Show::new()).tell()
}
