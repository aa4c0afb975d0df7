//! The wire contract: what stands on stdout, and the one line on stderr. Mirrors protocol.md, and is the
//! only writer of stdout.

mod native;

pub use native::{NativeAnswer, failure_json};

use crate::broker::Answer;
use crate::cli::Format;
use crate::config::Server;
use crate::failure::{Code, Failure, Outcome};
use crate::text::command_line;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use serde_json::{Map, Value};
use std::io::{self, Write};
use std::os::fd::AsFd;

/// The largest document of the `headers` format, in bytes: what its consumers read.
const HEADERS_LIMIT: usize = 64 * 1024;

/// How long a reader may take nothing of an answer that does not fit into its pipe.
const PATIENCE: Timespec = Timespec { tv_sec: 30, tv_nsec: 0 };

/// The longest command that is told on the line for a person, in bytes.
const LONGEST_COMMAND: usize = 400;

/// Prints `answer` for `server` as one document.
///
/// # Errors
/// `other` when stdout is closed: the token is saved all the same.
pub fn answer(format: Format, answer: &Answer, server: &Server) -> Outcome<()> {
    match format {
        Format::Json => document(&NativeAnswer::new(answer, server)),
        Format::Headers => headers(answer, server),
        Format::Token => line(answer.access_token.expose()),
        Format::Header => header_lines(answer),
    }
}

/// The headers that show the token (RFC 6750, section 2.1; RFC 9449, section 7.1): `Authorization`, and the proof
/// where there is one.
fn own_headers(answer: &Answer) -> Vec<(String, Value)> {
    let authorization = format!("{} {}", answer.clear.token_type, answer.access_token.expose());
    let proof = answer.proof.as_ref().map(|proof| ("DPoP".to_owned(), proof.expose().into()));
    [("Authorization".to_owned(), authorization.into())].into_iter().chain(proof).collect()
}

fn header_lines(answer: &Answer) -> Outcome<()> {
    let lines = own_headers(answer).into_iter();
    let lines = lines.map(|(name, value)| format!("{name}: {}", value.as_str().unwrap_or_default()));
    line(&lines.collect::<Vec<_>>().join("\n"))
}

fn headers(answer: &Answer, server: &Server) -> Outcome<()> {
    let mut headers = Map::new();
    headers.extend(own_headers(answer));
    for (name, value) in server.headers.iter() {
        headers.insert(name.clone(), Value::String(value.clone()));
    }
    let text = Value::Object(headers).to_string();
    if text.len() >= HEADERS_LIMIT {
        let why =
            "the headers are larger than the 64 KiB that their consumers read; use fewer or shorter ones";
        return Err(Failure::new(Code::ConfigInvalid, why).of_server(&server.name));
    }
    line(&text)
}

/// Prints `value` as one line of JSON.
///
/// # Errors
/// `other` when stdout is closed.
pub fn document(value: &impl serde::Serialize) -> Outcome<()> {
    let text = serde_json::to_string(value)
        .map_err(|error| Failure::new(Code::Internal, format!("the answer cannot be written: {error}")))?;
    line(&text)
}

/// Prints one line.
///
/// # Errors
/// `other` when stdout is closed.
pub fn line(text: &str) -> Outcome<()> {
    let mut whole = zeroize::Zeroizing::new(Vec::with_capacity(text.len() + 1));
    whole.extend_from_slice(text.as_bytes());
    whole.push(b'\n');
    // Past the buffer of the standard library, which does not tell how much of it went out when the pipe is full.
    write_whole(&io::stdout().lock(), &whole, PATIENCE).map_err(|error| unwritten(&error))
}

/// Writes all of `content`. A pipe that does not block, as its reader may have made it, is waited for while it is full,
/// for `patience` from one piece to the next.
fn write_whole(out: &impl AsFd, mut content: &[u8], patience: Timespec) -> io::Result<()> {
    while !content.is_empty() {
        match rustix::io::write(out, content) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => content = content.get(written..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => wait_for_room(out, patience)?,
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}

/// A reader that has gone counts as room: the next write tells.
fn wait_for_room(out: &impl AsFd, patience: Timespec) -> io::Result<()> {
    let mut waiting = [PollFd::new(out, PollFlags::OUT)];
    match poll(&mut waiting, Some(&patience)) {
        Ok(0) => Err(io::Error::new(io::ErrorKind::TimedOut, "its reader takes nothing")),
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// An answer that stdout did not take.
#[must_use]
pub fn unwritten(error: &io::Error) -> Failure {
    Failure::new(Code::Other, format!("the answer could not be written to standard output ({error})"))
}

/// Says a failure: one line on stderr and, where `json` is asked for, one object on stdout.
pub fn failure(failure: &Failure, json: bool) {
    if json {
        // Whoever closed stdout has only the exit status and stderr left.
        let _ = document(&failure_json(failure));
    }
    note(&format!("{} [{}]", spoken(failure), failure.code.as_str()));
}

/// One line for a person, on stderr. Nobody may be listening.
pub fn note(text: &str) {
    let _ = writeln!(io::stderr(), "mcp-credential: {text}");
}

/// The message of the failure with the command that helps, where there is one that it does not name already. One that
/// is too long for a line is not cut: it would be another command.
#[must_use]
pub fn advice(failure: &Failure) -> String {
    match command(failure) {
        Some(command) if command.len() <= LONGEST_COMMAND => format!("{}; run {command}", failure.message),
        _ => failure.message.clone(),
    }
}

/// The same for the line of a failure, which begins with its server.
fn spoken(failure: &Failure) -> String {
    match command(failure) {
        Some(command) if command.len() > LONGEST_COMMAND => {
            format!("{failure}; run the command that `--format json` has in `login` of its answer")
        }
        Some(command) => format!("{failure}; run {command}"),
        None => failure.to_string(),
    }
}

fn command(failure: &Failure) -> Option<String> {
    let command = native::login_command(failure).map(|command| format!("`{}`", command_line(&command)));
    command.filter(|command| !failure.message.contains(command))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn a_reader_that_takes_nothing_is_not_waited_for_without_end() {
        let (mut reader, writer) = io::pipe().unwrap();
        rustix::io::ioctl_fionbio(&writer, true).unwrap();
        let content = vec![b'x'; 200_000];
        let moment = Timespec { tv_sec: 0, tv_nsec: 1_000_000 };
        let error = write_whole(&writer, &content, moment).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        let taker = std::thread::spawn(move || {
            let mut taken = Vec::new();
            reader.read_to_end(&mut taken).map(|_| taken.len())
        });
        write_whole(&writer, &content, PATIENCE).unwrap();
        drop(writer);
        assert!(taker.join().unwrap().unwrap() > content.len());
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        assert_eq!(write_whole(&writer, b"x", moment).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn a_shell_takes_every_word_of_a_shown_command_as_it_is() {
        let scopes = ["read:jira", "$(touch x)", "it's", "`b`"].map(str::to_owned);
        let failure = Failure::new(Code::InsufficientScope, "more").of_server("demo").demanding(&scopes);
        let told = spoken(&failure);
        assert!(
            told.ends_with(r"run `mcp-credential login demo --scope 'read:jira $(touch x) it'\''s `b`'`"),
            "{told}"
        );
    }

    #[test]
    fn a_command_that_no_line_should_hold_is_told_where_it_stands_whole() {
        let told = |count: usize| {
            let scopes = vec!["s".repeat(10); count];
            let failure = Failure::new(Code::InsufficientScope, "more").of_server("demo").demanding(&scopes);
            assert!(spoken(&failure).len() <= 20 + LONGEST_COMMAND);
            spoken(&failure)
        };
        assert!(told(30).contains("run `mcp-credential login demo --scope '"));
        assert!(told(40).ends_with("in `login` of its answer"), "{}", told(40));
    }
}
