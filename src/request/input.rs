//! Reading the request object from standard input, in bounded room and time.

use super::Request;
use super::object::{self, SIZE_LIMIT};
use crate::failure::{Code, Failure, Outcome};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use zeroize::Zeroizing;

/// Reads standard input to its end, for at most `limit`, as a request object.
///
/// # Errors
/// `usage` for what is no request object, `deadline` where the input did not end in time.
pub fn read(limit: Duration) -> Outcome<Request> {
    let (sender, receiver) = mpsc::sync_channel(1);
    // A read cannot be given a time limit; the end of the process ends the thread.
    let reader = thread::Builder::new().spawn(move || {
        let _ = sender.send(everything());
    });
    reader.map_err(|error| unreadable(&error))?;
    match receiver.recv_timeout(limit) {
        Ok(Ok(bytes)) => object::parse(&bytes),
        Ok(Err(error)) => Err(unreadable(&error)),
        Err(_) => Err(Failure::new(
            Code::Deadline,
            "the request object on standard input did not end in time; write it, then close the pipe",
        )),
    }
}

/// All of it, up to one byte more than may be there. The room is taken at once, so that no copy is left
/// behind where it grows.
fn everything() -> io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(SIZE_LIMIT + 2));
    let input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    input.take(SIZE_LIMIT as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn unreadable(error: &io::Error) -> Failure {
    let text = format!("the request object cannot be read from standard input ({error})");
    Failure::new(Code::Usage, text)
}
