//! The worker's side: take over lock and job, work, answer.

use super::job::{Job, Message};
use super::{redeem, tell};
use crate::failure::{Code, Failure};
use crate::logging;
use crate::store::Slot;
use crate::store::lock::Held;
use rustix::process::{Resource, Rlimit, setrlimit};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

/// Runs as a worker until the job is done; the exit status is for nobody.
///
/// # Errors
/// When there is no job: this program was not started by itself.
pub fn run() -> io::Result<()> {
    // First of all: from here on no signal to the caller's process group reaches us.
    let detached = rustix::process::setsid();
    // A core dump would hold the refresh token. What cannot be limited is no reason not to work.
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let _ = setrlimit(Resource::Core, none);
    let socket = UnixStream::from(io::stdout().as_fd().try_clone_to_owned()?);
    let locked = take_stdin()?;
    detached?;
    let job = Job::read(&socket)?;
    logging::to_socket(&socket, &job.log, &job.flow)?;
    work(&job, locked, &socket);
    Ok(())
}

/// The locked file alone, so that closing it unlocks: standard input becomes `/dev/null`.
fn take_stdin() -> io::Result<File> {
    let locked: OwnedFd = io::stdin().as_fd().try_clone_to_owned()?;
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    Ok(File::from(locked))
}

fn work(job: &Job, locked: File, socket: &UnixStream) {
    let store = job.store();
    let slot = Slot::new(&store, &job.server.name);
    match Held::inherited(locked, &slot.beside("lock")) {
        Ok(held) => redeem::run(job, &slot, held, &|message| tell(socket, message)),
        Err(error) => {
            // Replaced between the caller's check and ours: whoever holds the new one goes on.
            log::debug!("{error}");
            tell(socket, &Message::Again);
        }
    }
}

/// The failure of a task that the store contradicts.
pub(super) fn fault(text: &str) -> Failure {
    Failure::new(Code::Internal, text)
}
