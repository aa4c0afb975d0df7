//! The server as a program, for demonstrations and for tests in other languages; and its tiny browser.
//!
//! Owns its command line and what it prints: the URLs at start, then one line a request, never a secret.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod options;

use oauthserver::{OAuthServer, browser};
use options::Command;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match options::parse(&arguments) {
        Ok(Command::Help) => io::stdout().write_all(options::HELP.as_bytes()),
        Ok(Command::Visit(url, decision)) => visit(&url, decision),
        Ok(Command::Serve(settings)) => OAuthServer::start(*settings).and_then(|server| serve(&server)),
        Err(problem) => {
            eprintln!("oauthserver: {problem}; see oauthserver --help");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("oauthserver: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints the URLs, then one line for each request that is over, until stdout is gone.
fn serve(server: &OAuthServer) -> io::Result<()> {
    let mut out = io::stdout();
    writeln!(out, "mcp {}", server.mcp_url())?;
    writeln!(out, "issuer {}", server.issuer())?;
    out.flush()?;
    let mut printed = 0;
    loop {
        server.wait_for(|log| log.iter().skip(printed).any(oauthserver::Logged::is_over), Duration::MAX);
        let log = server.log();
        for request in log.iter().skip(printed).take_while(|request| request.is_over()) {
            writeln!(out, "{}", request.line())?;
            printed += 1;
        }
        out.flush()?;
    }
}

/// Visits a URL as `$BROWSER` would, and says where it ended, without the query (it may hold a code).
fn visit(url: &str, decision: browser::Decision) -> io::Result<()> {
    let page = browser::visit_and(url, decision)?;
    let place = page.url.split(['?', '#']).next().unwrap_or_default();
    writeln!(io::stdout(), "{} {place}", page.status)
}
