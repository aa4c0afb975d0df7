//! One connection to the listener, from accept to close, without ever blocking.
//!
//! Owns the time and size limits of a connection. It reads one head, sends one answer, closes its sending
//! side and drops what still comes, up to a bound: a close with unread data would reset the connection and
//! could take the page away from the browser. A declared body is never waited for and its length never read.

use super::head::{HEAD_LIMIT, Parsed, RequestHead, parse};
use crate::page::{self, Page, Status};
use std::io::{ErrorKind, Read, Result, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// How long a head may take to arrive, counted from accept.
const READING: Duration = Duration::from_secs(10);
/// How long an answer may take to be sent.
const WRITING: Duration = Duration::from_secs(2);
/// How long the peer may take to close after the answer.
const DRAINING: Duration = Duration::from_millis(500);
/// How much is dropped while the peer has not closed, in bytes.
const DRAIN_LIMIT: usize = 64 * 1024;

/// What is sent to a request.
pub(super) struct Reply {
    /// The whole HTTP answer.
    pub(super) bytes: Vec<u8>,
    /// Whether this request ended the login.
    pub(super) settles: bool,
}

enum Phase {
    Reading(Zeroizing<Vec<u8>>),
    Writing(Reply, usize),
    Draining { left: usize, settles: bool },
}

/// What a step came to: go on later, go on at once, or close.
enum Step {
    Later,
    Next(Phase, Duration),
    Close,
}

/// A connection and where it stands.
pub(super) struct Connection {
    stream: TcpStream,
    phase: Phase,
    until: Instant,
}

impl Connection {
    pub(super) fn new(stream: TcpStream) -> Result<Self> {
        stream.set_nonblocking(true)?;
        // Best effort: without it the page merely waits for the peer's acknowledgement.
        let _ = stream.set_nodelay(true);
        let head = Zeroizing::new(Vec::with_capacity(HEAD_LIMIT));
        Ok(Self { stream, phase: Phase::Reading(head), until: Instant::now() + READING })
    }

    /// Goes as far as it can without waiting; false when the connection is over and to be dropped.
    pub(super) fn advance(&mut self, decide: &mut dyn FnMut(&RequestHead<'_>) -> Reply) -> bool {
        loop {
            let step = match &mut self.phase {
                Phase::Reading(head) => read_head(&mut self.stream, head, decide),
                Phase::Writing(reply, sent) => write_reply(&mut self.stream, reply, sent),
                Phase::Draining { left, .. } => drain(&mut self.stream, left),
            };
            match step.unwrap_or(Step::Close) {
                Step::Later => return Instant::now() < self.until,
                Step::Close => return false,
                Step::Next(phase, limit) => {
                    self.phase = phase;
                    self.until = Instant::now() + limit;
                }
            }
        }
    }

    /// Whether it has not yet sent a whole request.
    pub(super) fn is_reading(&self) -> bool {
        matches!(self.phase, Phase::Reading(_))
    }

    /// Whether its request ended the login.
    pub(super) fn settles(&self) -> bool {
        match &self.phase {
            Phase::Reading(_) => false,
            Phase::Writing(reply, _) => reply.settles,
            Phase::Draining { settles, .. } => *settles,
        }
    }
}

fn read_head(
    stream: &mut TcpStream,
    head: &mut Zeroizing<Vec<u8>>,
    decide: &mut dyn FnMut(&RequestHead<'_>) -> Reply,
) -> Result<Step> {
    let mut chunk = Zeroizing::new([0; 4096]);
    loop {
        let room = chunk.len().min(HEAD_LIMIT.saturating_sub(head.len()));
        let Some(length) = unless_blocked(stream.read(&mut chunk[..room]))? else { return Ok(Step::Later) };
        head.extend_from_slice(&chunk[..length]);
        let reply = match parse(head) {
            Parsed::Partial if length == 0 => return Ok(Step::Close),
            Parsed::Partial => continue,
            Parsed::Whole(head) => decide(&head),
            Parsed::Invalid => {
                Reply { bytes: page::answer(Status::BadRequest, Page::NotHere, true), settles: false }
            }
        };
        return Ok(Step::Next(Phase::Writing(reply, 0), WRITING));
    }
}

fn write_reply(stream: &mut TcpStream, reply: &Reply, sent: &mut usize) -> Result<Step> {
    while let Some(rest) = reply.bytes.get(*sent..).filter(|rest| !rest.is_empty()) {
        match unless_blocked(stream.write(rest))? {
            None => return Ok(Step::Later),
            Some(0) => return Ok(Step::Close),
            Some(written) => *sent += written,
        }
    }
    stream.shutdown(Shutdown::Write)?;
    Ok(Step::Next(Phase::Draining { left: DRAIN_LIMIT, settles: reply.settles }, DRAINING))
}

fn drain(stream: &mut TcpStream, left: &mut usize) -> Result<Step> {
    let mut dropped = [0; 4096];
    while *left > 0 {
        match unless_blocked(stream.read(&mut dropped))? {
            None => return Ok(Step::Later),
            Some(0) => break,
            Some(length) => *left = left.saturating_sub(length),
        }
    }
    Ok(Step::Close)
}

/// None when there is nothing to do now.
fn unless_blocked(result: Result<usize>) -> Result<Option<usize>> {
    match result {
        Ok(length) => Ok(Some(length)),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(None),
        Err(error) => Err(error),
    }
}
