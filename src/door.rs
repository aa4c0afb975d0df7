//! From the command line to an exit status.

mod plain_get;

use crate::cli::{Cli, Common, Format, GetArgs, ListFormat, Verb};
use crate::commands::{
    add, capabilities, client_metadata, erase, get, list, login, logout, refresh, remove, status,
};
use crate::config::Environment;
use crate::failure::{Code, Failure, Outcome};
use crate::{browser, logging, reply, worker};
use clap::error::ErrorKind;
use clap::{Args, FromArgMatches, Parser};
use log::LevelFilter;
use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;

/// The verbs whose answers are for programs: their usage errors are, too.
const MACHINE_VERBS: [&str; 3] = ["get", "refresh", "erase"];

/// Runs the program with `args`, the first of which is its own name, and says how it went.
#[must_use]
pub fn main(args: impl Iterator<Item = OsString>) -> ExitCode {
    quiet_panics();
    let args: Vec<OsString> = args.collect();
    match args.get(1).and_then(|verb| verb.to_str()) {
        Some(worker::VERB) => return hidden(worker::run().is_ok()),
        Some(browser::HIDDEN_VERB) => return ExitCode::from(browser::opener_main()),
        _ => {}
    }
    match parse(&args) {
        Ok(verb) => finish(run(&verb, &Environment::from_process()), speaks_json(&verb)),
        Err(error) => usage(&error, &args),
    }
}

fn hidden(done: bool) -> ExitCode {
    if done { ExitCode::SUCCESS } else { ExitCode::from(Code::Usage.exit_status()) }
}

/// The verb that is called a thousand times a day is parsed without building the others.
fn parse(args: &[OsString]) -> Result<Verb, clap::Error> {
    if args.get(1).is_some_and(|verb| verb == "get") {
        if let Some(args) = plain_get::read(&args[2..]) {
            return Ok(Verb::Get(args));
        }
        let command = GetArgs::augment_args(clap::Command::new("get").no_binary_name(true));
        let parsed = command.try_get_matches_from(&args[2..]).and_then(|m| GetArgs::from_arg_matches(&m));
        if let Ok(args) = parsed {
            return Ok(Verb::Get(args));
        }
    }
    Cli::try_parse_from(args).map(|cli| cli.verb)
}

fn run(verb: &Verb, environment: &Environment) -> Outcome<()> {
    let level = match common(verb).log {
        Some(level) => level,
        None => environment.log_level()?.unwrap_or_else(default_level),
    };
    if level != LevelFilter::Off {
        logging::to_stderr(level);
    }
    match verb {
        Verb::Get(args) => get::run(args, environment),
        Verb::Refresh(args) => refresh::run(args, environment),
        Verb::Erase(args) => erase::run(args, environment),
        Verb::Login(args) => login::run(args, environment),
        Verb::Logout(args) => logout::run(args, environment),
        Verb::Add(args) => add::run(args, environment),
        Verb::Remove(args) => remove::run(args, environment),
        Verb::List(args) => list::run(args, environment),
        Verb::Status(args) => status::run(args, environment),
        Verb::Capabilities(_) => capabilities::run(),
        Verb::ClientMetadata(args) => client_metadata::run(args),
    }
}

/// A person at a terminal sees warnings; for programs a success is silent.
fn default_level() -> LevelFilter {
    if std::io::stderr().is_terminal() { LevelFilter::Warn } else { LevelFilter::Off }
}

fn common(verb: &Verb) -> &Common {
    match verb {
        Verb::Get(args) => &args.token.common,
        Verb::Refresh(args) => &args.token.common,
        Verb::Erase(args) => &args.common,
        Verb::Login(args) => &args.common,
        Verb::Logout(args) => &args.common,
        Verb::Add(args) => &args.common,
        Verb::Remove(args) => &args.common,
        Verb::List(args) => &args.common,
        Verb::Status(args) => &args.common,
        Verb::Capabilities(args) => &args.common,
        Verb::ClientMetadata(args) => &args.common,
    }
}

fn speaks_json(verb: &Verb) -> bool {
    match verb {
        Verb::Get(args) => args.token.format == Format::Json,
        Verb::Refresh(args) => args.token.format == Format::Json,
        Verb::List(args) => args.format == ListFormat::Json,
        Verb::Status(args) => args.format == ListFormat::Json,
        Verb::Erase(_) | Verb::Capabilities(_) => true,
        Verb::Login(_) | Verb::Logout(_) | Verb::Add(_) | Verb::Remove(_) | Verb::ClientMetadata(_) => false,
    }
}

fn finish(outcome: Outcome<()>, json: bool) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            reply::failure(&failure, json);
            ExitCode::from(failure.code.exit_status())
        }
    }
}

/// Help and version go to stdout and succeed; the rest is a usage error.
fn usage(error: &clap::Error, args: &[OsString]) -> ExitCode {
    if !error.use_stderr() {
        return finish(error.print().map_err(|error| reply::unwritten(&error)), false);
    }
    let text = error.render().to_string();
    let verb = typed_verb(args);
    if MACHINE_VERBS.contains(&verb) {
        let message =
            format!("{}{}; see `mcp-credential {verb} --help`", first_paragraph(&text), or_else(error, verb));
        reply::failure(&Failure::new(Code::Usage, message), !asks_for_other_format(args));
    } else {
        let _ = std::io::stderr().write_all(escaped(&text).as_bytes());
    }
    ExitCode::from(Code::Usage.exit_status())
}

/// The verb: the first word that is neither an option of every verb nor the value of one.
fn typed_verb(args: &[OsString]) -> &str {
    let mut words = args.iter().skip(1).map(|word| word.to_str().unwrap_or_default());
    while let Some(word) = words.next() {
        match word {
            "--log" | "--protocol" => drop(words.next()),
            option if option.starts_with('-') => {}
            verb => return verb,
        }
    }
    ""
}

/// The other ways to name a server, for whoever named none.
fn or_else(error: &clap::Error, verb: &str) -> &'static str {
    match (error.kind(), verb) {
        (ErrorKind::MissingRequiredArgument, "erase") => " or `--request -`",
        (ErrorKind::MissingRequiredArgument, _) => " or `--from-env` or `--request -`",
        _ => "",
    }
}

/// What clap says before usage and tips, as one line: a program's log has room for no more.
fn first_paragraph(text: &str) -> String {
    let lines: Vec<&str> = text.lines().take_while(|line| !line.trim().is_empty()).collect();
    crate::text::one_line(lines.join(" ").trim_start_matches("error: "))
}

/// clap repeats what was typed; a terminal must not act on it.
fn escaped(text: &str) -> String {
    text.lines().map(|line| line.replace(char::is_control, "\u{fffd}") + "\n").collect()
}

fn asks_for_other_format(args: &[OsString]) -> bool {
    let given = |arg: &OsString| arg.to_str().is_some_and(|arg| arg.starts_with("--format"));
    let json = |arg: &OsString| arg == "json" || arg == "--format=json";
    args.iter().any(given) && !args.iter().any(json)
}

/// A panic says where it happened and nothing else: its message might quote a secret.
fn quiet_panics() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map_or_else(String::new, |at| format!(" at {}:{}", at.file(), at.line()));
        let text = format!("an internal error occurred{place}; please report it");
        reply::failure(&Failure::new(Code::Internal, text), false);
        std::process::exit(i32::from(Code::Internal.exit_status()));
    }));
}
