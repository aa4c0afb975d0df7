//! Runs a command whose output is a secret.
//!
//! Owns how it runs: without a shell, without our secrets, away from the caller's directory, and not for longer
//! than it may. It judges nothing of what was printed, and shows nothing of it.

use super::{Environment, read, withheld};
use std::io;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// How often a command that has closed its output is asked whether it has ended.
const POLL: Duration = Duration::from_millis(5);

/// Why there is no output.
pub(super) enum Trouble {
    /// It could not be started.
    Start(io::Error),
    /// It ended badly, or was ended: half a sentence that says how.
    Ended(String),
}

/// How a command is run.
pub(super) struct Bounds {
    /// How long it may take.
    pub time: Duration,
    /// How much it may print, in bytes; what is printed beyond that is cut one byte over.
    pub size: u64,
}

/// Runs a program without a shell and returns what it printed, at most one byte over the limit. It starts in
/// the root directory: the caller's directory may belong to somebody else, and interpreters load code from it.
///
/// # Errors
/// Why there is no output.
pub(super) fn run(
    words: &[String],
    env: &Environment,
    bounds: &Bounds,
) -> Result<Zeroizing<Vec<u8>>, Trouble> {
    let (program, arguments) = words.split_first().ok_or_else(|| Trouble::Ended("is empty".to_owned()))?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let withheld = withheld::secret_variables(env);
    env.hand_down(&mut command, &withheld.iter().map(String::as_str).collect::<Vec<_>>());
    stand_alone(&mut command);
    let deadline = Instant::now() + bounds.time;
    let mut child = command.spawn().map_err(Trouble::Start)?;
    let output = collect(&mut child, bounds);
    if output.is_none() {
        // Before it is waited for: until then nobody else can get its number.
        kill(&mut child);
    }
    match (output, end(&mut child, deadline)) {
        (Some(output), Some(status)) if status.success() || output.len() as u64 > bounds.size => Ok(output),
        (Some(_), Some(status)) => Err(Trouble::Ended(format!("failed ({status})"))),
        _ => Err(Trouble::Ended(format!("took longer than {:.1} s", bounds.time.as_secs_f32()))),
    }
}

/// What the child prints until it closes its output. A thread reads it, so that the wait can end.
fn collect(child: &mut Child, bounds: &Bounds) -> Option<Zeroizing<Vec<u8>>> {
    let stdout = child.stdout.take()?;
    let (sender, receiver) = mpsc::channel();
    let size = bounds.size;
    // Nobody listens any more when the time is over.
    let reader = move || drop(sender.send(read::bounded(stdout, 0, size)));
    thread::Builder::new().spawn(reader).ok()?;
    receiver.recv_timeout(bounds.time).ok()?.ok()
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
