//! A line from the person at the terminal: unseen, bounded, and not waited for longer than allowed.
//!
//! The only reader of standard input. What is typed there is not echoed: it may carry a code. A terminal's own
//! limit of 4095 bytes a line does not hold here. Limit: a process that is killed meanwhile leaves the echo off
//! until the shell turns it on again.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use std::io;
use std::os::fd::BorrowedFd;
use std::time::Instant;
use zeroize::Zeroizing;

/// What came of waiting for a line.
#[derive(Debug, PartialEq, Eq)]
pub enum Typed {
    /// A line, without its end.
    Line(Zeroizing<String>),
    /// A line that is too long or no text; it was passed over.
    Unusable,
    /// Nobody will type any more.
    Ended,
    /// The person gave up (Ctrl-C).
    Cancelled,
    /// The deadline came first.
    TimedOut,
}

/// Standard input, line by line.
pub struct Lines<'f> {
    input: BorrowedFd<'f>,
    limit: usize,
    pending: Zeroizing<Vec<u8>>,
    overlong: bool,
    before: Option<Termios>,
}

impl Drop for Lines<'_> {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            // Nothing is left to be done where the terminal has gone.
            let _ = tcsetattr(self.input, OptionalActions::Now, before);
        }
    }
}

impl<'f> Lines<'f> {
    /// Reads `input`; lines of more than `limit` bytes are passed over.
    #[must_use]
    pub fn of(input: BorrowedFd<'f>, limit: usize) -> Self {
        let pending = Zeroizing::new(Vec::with_capacity(2 * limit));
        Self { input, limit, pending, overlong: false, before: quiet(input) }
    }

    /// The next line, waited for until `deadline`.
    pub fn next(&mut self, deadline: Instant) -> Typed {
        loop {
            if let Some(typed) = self.take() {
                return typed;
            }
            match self.read(deadline) {
                Ok(Some(0)) => return self.rest(),
                Ok(Some(_)) => {}
                Ok(None) => return Typed::TimedOut,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Typed::Ended,
            }
        }
    }

    /// A whole line of what was read, or the end of all.
    fn take(&mut self) -> Option<Typed> {
        let is_control = |byte: &u8| matches!(byte, 3 | 4) && self.before.is_some();
        let end = self.pending.iter().position(|byte| matches!(byte, b'\n' | b'\r') || is_control(byte));
        let Some(end) = end else {
            if self.pending.len() > self.limit {
                self.pending.clear();
                self.overlong = true;
            }
            return None;
        };
        match self.pending[end] {
            3 => return Some(Typed::Cancelled),
            4 => return Some(Typed::Ended),
            _ => {}
        }
        let line = Zeroizing::new(self.pending[..end].to_vec());
        self.pending.drain(..=end);
        let overlong = std::mem::take(&mut self.overlong) || line.len() > self.limit;
        if line.is_empty() && !overlong {
            // The second half of a CR LF, or a bare Enter.
            return self.take();
        }
        Some(if overlong { Typed::Unusable } else { text(&line) })
    }

    /// A last line that has no end.
    fn rest(&mut self) -> Typed {
        let line = std::mem::replace(&mut self.pending, Zeroizing::new(Vec::new()));
        if line.is_empty() { Typed::Ended } else { text(&line) }
    }

    /// Reads what is there, at the latest at `deadline`.
    fn read(&mut self, deadline: Instant) -> io::Result<Option<usize>> {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        };
        let mut wanted = [PollFd::new(&self.input, PollFlags::IN)];
        if poll(&mut wanted, Some(&left))? == 0 {
            return Ok(None);
        }
        let mut some = Zeroizing::new([0_u8; 4096]);
        let count = rustix::io::read(self.input, &mut some[..])?;
        self.pending.extend_from_slice(&some[..count]);
        Ok(Some(count))
    }
}

fn text(line: &[u8]) -> Typed {
    match std::str::from_utf8(line) {
        Ok(text) => Typed::Line(Zeroizing::new(text.to_owned())),
        Err(_) => Typed::Unusable,
    }
}

/// Turns a terminal's echo, its limit on lines and its signals off; Ctrl-C then comes as a byte, so that the
/// terminal is put right before the end. `None` where `input` is no terminal.
fn quiet(input: BorrowedFd) -> Option<Termios> {
    let before = tcgetattr(input).ok()?;
    let mut quiet = before.clone();
    quiet.local_modes.remove(LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON | LocalModes::ISIG);
    tcsetattr(input, OptionalActions::Now, &quiet).ok()?;
    Some(before)
}

/// Standard input, to be read by [`Lines`].
#[must_use]
pub fn stdin() -> io::Stdin {
    io::stdin()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(30)
    }

    fn all(written: &[u8], limit: usize) -> Vec<Typed> {
        let (mut theirs, ours) = UnixStream::pair().unwrap();
        theirs.write_all(written).unwrap();
        drop(theirs);
        let mut lines = Lines::of(ours.as_fd(), limit);
        let mut found = Vec::new();
        while found.last() != Some(&Typed::Ended) {
            found.push(lines.next(soon()));
        }
        found
    }

    fn line(text: &str) -> Typed {
        Typed::Line(Zeroizing::new(text.to_owned()))
    }

    #[test]
    fn lines_end_as_every_system_ends_them_and_empty_ones_are_passed_over() {
        let found = all(b"one\r\n\r\n\ntwo\nthree", 16);
        assert_eq!(found, [line("one"), line("two"), line("three"), Typed::Ended]);
    }

    #[test]
    fn a_line_that_is_too_long_or_no_text_is_passed_over_whole() {
        let long = "x".repeat(50_000);
        let found = all(format!("{long}\n{}\nok\n", "y".repeat(16)).as_bytes(), 16);
        assert_eq!(found, [Typed::Unusable, line(&"y".repeat(16)), line("ok"), Typed::Ended]);
        assert_eq!(all(b"\xff\xfe\nok\n", 16), [Typed::Unusable, line("ok"), Typed::Ended]);
    }

    #[test]
    fn silence_ends_at_the_deadline() {
        let (theirs, ours) = UnixStream::pair().unwrap();
        assert_eq!(Lines::of(ours.as_fd(), 16).next(Instant::now()), Typed::TimedOut);
        drop(theirs);
    }
}
