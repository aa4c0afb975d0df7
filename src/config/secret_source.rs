//! Reads a client secret from where the configuration says it is, at the moment when a request needs it.
//!
//! Owns the bounds: 64 KiB, one line, five seconds for a command. It keeps nothing, and no message of it holds
//! any part of a secret or of what a command printed.

use super::{Environment, SecretSource, invalid, read};
use crate::failure::{Code, Failure, Outcome};
use crate::secret::Secret;
use crate::text::one_line;
use std::io;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// The largest secret, in bytes.
const SIZE_LIMIT: u64 = 64 * 1024;

/// How long a command may take.
const TIME_LIMIT: Duration = Duration::from_secs(5);

/// How often a command that has closed its output is asked whether it has ended.
const POLL: Duration = Duration::from_millis(5);

impl SecretSource {
    /// The secret, or `None` where none is configured.
    ///
    /// # Errors
    /// `config_invalid` where it is missing, empty or has several lines; `unavailable` where a command failed
    /// or took too long, as a locked password store does.
    pub fn read(&self, env: &Environment) -> Outcome<Option<Secret>> {
        match self {
            Self::None => Ok(None),
            Self::Value(secret) => Ok(Some(secret.clone())),
            Self::File(path) => from_file(path).map(Some),
            Self::Variable(name) => from_variable(name, env).map(Some),
            Self::Command(words) => from_command(words, env, TIME_LIMIT).map(Some),
        }
    }

    /// As [`SecretSource::read`]; a command is also stopped at `deadline`.
    ///
    /// # Errors
    /// Those of [`SecretSource::read`].
    pub fn read_by(&self, env: &Environment, deadline: Instant) -> Outcome<Option<Secret>> {
        match self {
            Self::Command(words) => {
                let left = deadline.saturating_duration_since(Instant::now());
                from_command(words, env, TIME_LIMIT.min(left)).map(Some)
            }
            _ => self.read(env),
        }
    }

    /// The environment variable that carries the secret; no child process gets it.
    #[must_use]
    pub fn variable(&self) -> Option<&str> {
        match self {
            Self::Variable(name) => Some(name),
            _ => None,
        }
    }
}

fn from_file(path: &Path) -> Outcome<Secret> {
    let what =
        || format!("the client secret file {} (`clientSecretFile`)", one_line(&path.to_string_lossy()));
    let found = read::text_file(path, SIZE_LIMIT, &what)?;
    let found = found.ok_or_else(|| invalid(format!("{} does not exist", what())))?;
    one_secret(&found.text).map_err(|problem| invalid(format!("{} {problem}", what())))
}

fn from_variable(name: &str, env: &Environment) -> Outcome<Secret> {
    let what = || format!("the environment variable `{name}` (`clientSecretEnv`)");
    let text = env.text(name)?.map(Zeroizing::new);
    let text = text.ok_or_else(|| invalid(format!("{} is not set; set it to the client secret", what())))?;
    one_secret(&text).map_err(|problem| invalid(format!("{} {problem}", what())))
}

pub(super) fn from_command(words: &[String], env: &Environment, limit: Duration) -> Outcome<Secret> {
    let program = words.first().map(String::as_str).unwrap_or_default();
    let what = format!("the command `{}` (`clientSecretCommand`)", one_line(program));
    let output = run(words, env, limit).map_err(|trouble| match trouble {
        Trouble::Start(error) => invalid(format!("{what} cannot be started ({error})")),
        Trouble::Ended(problem) => {
            Failure::new(Code::Unavailable, format!("{what} {problem}; run it by hand to see why"))
        }
    })?;
    if output.len() as u64 > SIZE_LIMIT {
        return Err(invalid(format!("{what} printed more than {SIZE_LIMIT} bytes")));
    }
    let text = std::str::from_utf8(&output).map_err(|_| invalid(format!("{what} did not print text")))?;
    one_secret(text).map_err(|problem| invalid(format!("the output of {what} {problem}")))
}

/// The text without the line end after it.
fn one_secret(text: &str) -> Result<Secret, &'static str> {
    let line = text.strip_suffix('\n').unwrap_or(text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.is_empty() {
        return Err("is empty; it must be the client secret");
    }
    if line.chars().any(char::is_control) {
        return Err("has more than one line or a control character; it must be the client secret alone");
    }
    Ok(Secret::new(line))
}

/// Why there is no output.
enum Trouble {
    Start(io::Error),
    Ended(String),
}

/// Runs a program without a shell and returns what it printed, at most one byte over the limit. It starts in
/// the root directory: the caller's directory may belong to somebody else, and interpreters load code from it.
fn run(words: &[String], env: &Environment, limit: Duration) -> Result<Zeroizing<Vec<u8>>, Trouble> {
    let (program, arguments) = words.split_first().ok_or_else(|| Trouble::Ended("is empty".to_owned()))?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    env.hand_down(&mut command, &[]);
    stand_alone(&mut command);
    let deadline = Instant::now() + limit;
    let mut child = command.spawn().map_err(Trouble::Start)?;
    let output = collect(&mut child, limit);
    if output.is_none() {
        // Before it is waited for: until then nobody else can get its number.
        kill(&mut child);
    }
    match (output, end(&mut child, deadline)) {
        (Some(output), Some(status)) if status.success() || output.len() as u64 > SIZE_LIMIT => Ok(output),
        (Some(_), Some(status)) => Err(Trouble::Ended(format!("failed ({status})"))),
        _ => Err(Trouble::Ended(format!("took longer than {:.1} s", limit.as_secs_f32()))),
    }
}

/// What the child prints until it closes its output. A thread reads it, so that the wait can end.
fn collect(child: &mut Child, limit: Duration) -> Option<Zeroizing<Vec<u8>>> {
    let stdout = child.stdout.take()?;
    let (sender, receiver) = mpsc::channel();
    // Nobody listens any more when the time is over.
    let reader = move || drop(sender.send(read::bounded(stdout, 0, SIZE_LIMIT)));
    thread::Builder::new().spawn(reader).ok()?;
    receiver.recv_timeout(limit).ok()?.ok()
}

/// Waits for the child until the deadline, then ends it.
fn end(child: &mut Child, deadline: Instant) -> Option<ExitStatus> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < deadline => thread::sleep(POLL),
            _ => break,
        }
    }
    kill(child);
    // Gone is all that matters here.
    let _ = child.wait();
    None
}

/// Away from the caller's directory, and in a process group of its own: what a script has started can then be
/// ended together with it.
#[cfg(unix)]
fn stand_alone(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    command.current_dir("/").process_group(0);
}

#[cfg(not(unix))]
fn stand_alone(_: &mut Command) {}

#[cfg(unix)]
fn kill(child: &mut Child) {
    use rustix::process::{Pid, Signal, kill_process_group};
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    // Already gone is as good as ended.
    let _ = group.map(|group| kill_process_group(group, Signal::KILL));
    // It may have moved to another group, and is waited for.
    let _ = child.kill();
}

#[cfg(not(unix))]
fn kill(child: &mut Child) {
    let _ = child.kill();
}
