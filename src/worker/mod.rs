//! The process that renews a token, and the wait for it.
//!
//! A kill of the caller must not lose a rotated refresh token, so the redeeming request and the write run
//! in a process of their own session. It inherits the locked file as its standard input and one end of a
//! socket pair as its standard output; job, secrets and answer travel there. Environment: empty. The caller
//! drops its handle without unlocking: the lock lives on in the worker. Limit: a kill of the whole cgroup,
//! container or PID namespace takes the worker too.

mod child;
mod demand;
mod job;
mod plan;
mod present;
mod redeem;
mod request;
mod room;
mod seed;

pub use child::run;
pub use job::{Job, Task};
pub use seed::{all_spent, next as next_seed};

use crate::broker::{Answer, Redeemed};
use crate::failure::{Code, Failure};
use crate::oauth::http::Limits;
use crate::store::lock::Held;
use job::Message;
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The hidden first argument that makes this program a worker.
pub const VERB: &str = "__redeem";

/// As long as a renewal under way can last: finding out where to send it, connecting and sending, the late answer, and
/// saving it.
pub const LONGEST_RENEWAL: Duration =
    plan::DISCOVERY.saturating_add(Limits::SPENDING.total).saturating_add(redeem::SAVING_LIMIT);

/// Hands `job` and the lock to a worker and waits for its answer until `deadline`. A worker that is still
/// at it then goes on by itself.
#[must_use]
pub fn redeem(lock: Held, job: &Job, deadline: Instant) -> Redeemed {
    match spawn(lock, job) {
        Ok(socket) => await_answer(socket, deadline),
        Err(error) => Redeemed::Failed(Failure::new(
            Code::Unavailable,
            format!("the process that renews the token cannot be started ({error}); try again"),
        )),
    }
}

fn spawn(lock: Held, job: &Job) -> io::Result<UnixStream> {
    let (ours, theirs) = UnixStream::pair()?;
    let mut child = Command::new(own_program()?)
        .arg(VERB)
        .env_clear()
        .current_dir("/")
        .stdin(lock.into_stdio())
        .stdout(Stdio::from(OwnedFd::from(theirs)))
        .stderr(Stdio::null())
        .spawn()?;
    // Without the job the worker ends by itself; nothing was sent by then.
    let sent = job.write(&ours).and_then(|()| ours.shutdown(std::net::Shutdown::Write));
    if sent.is_err() {
        let _ = child.wait();
    }
    sent.map(|()| ours)
}

/// This program, also when an upgrade has replaced its file meanwhile.
fn own_program() -> io::Result<PathBuf> {
    let running = PathBuf::from("/proc/self/exe");
    if running.exists() { Ok(running) } else { std::env::current_exe() }
}

fn await_answer(socket: UnixStream, deadline: Instant) -> Redeemed {
    let mut lines = BufReader::new(socket);
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        // A time limit of zero would mean none.
        if lines.get_ref().set_read_timeout(Some(left.max(Duration::from_millis(1)))).is_err() {
            return Redeemed::Vanished;
        }
        match next_message(&mut lines) {
            Ok(Some(Message::Log { level, text })) => job::relay(&level, &text),
            Ok(Some(message)) => return redeemed(message),
            Err(error) if is_timeout(&error) && Instant::now() >= deadline => return Redeemed::TimedOut,
            Err(error) if is_timeout(&error) || error.kind() == io::ErrorKind::Interrupted => {}
            Ok(None) | Err(_) => return Redeemed::Vanished,
        }
    }
}

/// The next line of the worker; a line that is cut off by a time limit is waited for again.
fn next_message(lines: &mut BufReader<UnixStream>) -> io::Result<Option<Message>> {
    let mut line = Vec::new();
    let _ = lines.fill_buf()?;
    // Once a line has begun its rest is at most a moment away: the worker writes whole lines.
    lines.get_ref().set_read_timeout(Some(Duration::from_secs(5)))?;
    if lines.read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    let message = serde_json::from_slice(&line).map_err(io::Error::other);
    zeroize::Zeroize::zeroize(&mut line);
    message.map(Some)
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

fn redeemed(message: Message) -> Redeemed {
    match message {
        Message::Done { clear, access_token, dpop_key, source, persisted } => {
            Redeemed::Done(Box::new(Answer {
                clear: *clear,
                access_token,
                dpop_key,
                proof: None,
                source,
                min_ttl_met: None,
                persisted,
            }))
        }
        Message::Again | Message::Log { .. } => Redeemed::Again,
        Message::Pending { slow_down } => Redeemed::Pending { slow_down },
        Message::Failed(failure) => Redeemed::Failed(failure),
    }
}

/// A message to the caller. A caller that has gone is no reason to stop.
fn tell(mut socket: &UnixStream, message: &Message) {
    if let Ok(mut line) = serde_json::to_vec(message) {
        line.push(b'\n');
        let _ = socket.write_all(&line);
        zeroize::Zeroize::zeroize(&mut line);
    }
}
