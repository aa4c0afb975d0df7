//! One connection: read a request, log it, let a fault have its way, do the work, answer.
//!
//! Owns the order of these steps and how each fault looks on the wire. The work itself is the endpoints'.

use crate::answer::Answer;
use crate::authorize::{authorize, consent};
use crate::device;
use crate::faults::Fault;
use crate::gate::{Mark, Opened};
use crate::logged::{Logged, Phase};
use crate::mcp::mcp;
use crate::metadata;
use crate::register::register;
use crate::request::{ReadError, Request, Wire};
use crate::response::Response;
use crate::revoke::revoke;
use crate::shared::Shared;
use crate::site::{Room, Site};
use crate::token::token;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

const PIECE: usize = 64 * 1024;

/// Serves a connection until it ends.
pub(crate) fn connection(shared: &Shared, stream: &TcpStream, number: u64) {
    let mut wire = Wire::new(stream);
    loop {
        match wire.next() {
            Ok(request) => {
                if !matches!(exchange(shared, stream, number, request), Ok(true)) {
                    return;
                }
            }
            Err(ReadError::Closed) => return,
            Err(ReadError::Bad(status)) => return unreadable(shared, stream, number, status),
        }
    }
}

/// Answers one request; true when another may follow on this connection.
fn exchange(shared: &Shared, stream: &TcpStream, number: u64, request: Request) -> io::Result<bool> {
    let site = shared.site();
    let room = site.room(&request.path);
    let endpoint = room.endpoint(&request.path);
    let fault = shared.orders.take(&endpoint, &request);
    let mut logged = Logged::new(&request, endpoint, number);
    logged.fault = fault.as_ref().map(Fault::name);
    let mark = shared.gate.mark();
    let exchange = Exchange {
        shared,
        stream,
        keep_alive: site.settings.keep_alive && request.keep_alive,
        site,
        room,
        request,
        mark,
        seq: shared.log.arrived(logged),
    };
    exchange.run(fault.as_ref())
}

/// Answers bytes that are no request, and reads on for a while: a close with unread bytes would be a reset,
/// and the peer would not see the answer.
fn unreadable(shared: &Shared, mut stream: &TcpStream, number: u64, status: u16) {
    let endpoint = Room::Nowhere.endpoint("");
    let mut logged = Logged::new(&Request::default(), endpoint, number);
    logged.status = Some(status);
    logged.phase = Phase::Answered;
    shared.log.arrived(logged);
    let _ = stream.write_all(&Response::empty(status).bytes(false, false));
    let _ = stream.shutdown(Shutdown::Write);
    let _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
    let mut piece = [0; 8192];
    for _ in 0..8192 {
        if !matches!(stream.read(&mut piece), Ok(length) if length > 0) {
            return;
        }
    }
}

/// One request and its surroundings.
struct Exchange<'a> {
    shared: &'a Shared,
    stream: &'a TcpStream,
    site: Site,
    room: Room,
    request: Request,
    mark: Mark,
    seq: usize,
    keep_alive: bool,
}

impl Exchange<'_> {
    fn run(&self, fault: Option<&Fault>) -> io::Result<bool> {
        match fault {
            None => return self.send(&self.work()),
            Some(Fault::Hang) => match self.hold(None) {
                Opened::Released => return self.send(&self.work()),
                _ => self.close()?,
            },
            Some(Fault::HoldAfterCommit) => {
                let response = self.work();
                self.hold(None);
                return self.send(&response);
            }
            Some(Fault::DelayAfterCommit(time)) => {
                let response = self.work();
                self.hold(Some(*time));
                return self.send(&response);
            }
            Some(Fault::DropAfterCommit) => {
                self.work();
                self.close()?;
            }
            Some(Fault::Truncate) => self.truncate(&self.work())?,
            Some(Fault::Drip { interval }) => self.drip(&self.work(), *interval)?,
            Some(Fault::AfterCommit(inner)) => {
                self.work();
                self.instead(inner)?;
            }
            Some(other) => self.instead(other)?,
        }
        Ok(false)
    }

    /// Does what the request asks for. Visible in the log before this returns.
    fn work(&self) -> Response {
        let (shared, site, request) = (self.shared, &self.site, &self.request);
        let answer: Answer = match self.room {
            Room::Mcp => mcp(shared, site, request),
            Room::ResourceMetadata | Room::ServerMetadata => {
                metadata::answer(site, self.room, request).into()
            }
            Room::Authorize => authorize(shared, site, request),
            Room::Consent => consent(shared, site, request),
            Room::Token => token(shared, site, request),
            Room::Register => register(shared, site, request),
            Room::Revoke => revoke(shared, site, request),
            Room::DeviceAuthorization => device::authorization(shared, site, request),
            Room::DevicePage => device::page(shared, site, request),
            Room::Nowhere => Response::empty(404).into(),
        };
        shared.log.update(self.seq, |entry| {
            entry.committed = answer.committed;
            entry.error = answer.error;
        });
        answer.response
    }

    /// What a fault does in place of the answer; `Hang` here only ever closes.
    fn instead(&self, fault: &Fault) -> io::Result<()> {
        if let Some(response) = fault.response() {
            return self.send(&response).map(drop);
        }
        match fault {
            Fault::RawBytes(bytes) => {
                self.answered(None);
                self.write(bytes)
            }
            Fault::BigBody(length) => self.big(*length),
            Fault::Endless => self.endless(),
            Fault::Hang => {
                self.hold(None);
                self.close()
            }
            _ => self.close(),
        }
    }

    fn send(&self, response: &Response) -> io::Result<bool> {
        self.answered(Some(response.status));
        self.write(&self.bytes(response))?;
        Ok(self.keep_alive)
    }

    fn truncate(&self, response: &Response) -> io::Result<()> {
        self.answered(Some(response.status));
        let body = response.body.len();
        let bytes = self.bytes(response);
        self.write(bytes.get(..bytes.len() - body.div_ceil(2)).unwrap_or_default())
    }

    fn drip(&self, response: &Response, interval: Duration) -> io::Result<()> {
        self.answered(Some(response.status));
        let bytes = self.bytes(response);
        for (at, byte) in bytes.iter().enumerate() {
            match self.shared.gate.wait(self.mark, Some(interval)) {
                Opened::Elapsed => self.write(&[*byte])?,
                _ => return self.write(bytes.get(at..).unwrap_or_default()),
            }
        }
        Ok(())
    }

    fn big(&self, length: u64) -> io::Result<()> {
        self.answered(Some(200));
        let response = Response::text(200, "application/json", "");
        self.write(&response.head(length, false))?;
        let filler = vec![b'a'; PIECE];
        let mut left = length.saturating_sub(2);
        self.write(b"\"")?;
        while left > 0 && !self.interrupted() {
            let size = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
            self.write(filler.get(..size).unwrap_or_default())?;
            left -= size as u64;
        }
        self.write(b"\"")
    }

    fn endless(&self) -> io::Result<()> {
        self.answered(Some(200));
        self.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
        )?;
        let mut chunk = format!("{PIECE:x}\r\n").into_bytes();
        chunk.resize(chunk.len() + PIECE, b' ');
        chunk.extend_from_slice(b"\r\n");
        while !self.interrupted() {
            self.write(&chunk)?;
        }
        Ok(())
    }

    /// Waits at the gate, and says so in the log.
    fn hold(&self, limit: Option<Duration>) -> Opened {
        self.phase(Phase::Held);
        self.shared.gate.wait(self.mark, limit)
    }

    fn interrupted(&self) -> bool {
        let opened = self.shared.gate.wait(self.mark, Some(Duration::ZERO));
        matches!(opened, Opened::Cleared | Opened::Stopped)
    }

    fn close(&self) -> io::Result<()> {
        self.phase(Phase::Dropped);
        self.stream.shutdown(Shutdown::Both)
    }

    /// Written down before the first byte leaves, so that whoever has the answer finds it in the log.
    fn answered(&self, status: Option<u16>) {
        self.shared.log.update(self.seq, |entry| {
            entry.status = status;
            entry.phase = Phase::Answered;
        });
    }

    fn phase(&self, phase: Phase) {
        self.shared.log.update(self.seq, |entry| entry.phase = phase);
    }

    fn bytes(&self, response: &Response) -> Vec<u8> {
        response.bytes(self.keep_alive, self.request.method == "HEAD")
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let mut stream = self.stream;
        stream.write_all(bytes)
    }
}
