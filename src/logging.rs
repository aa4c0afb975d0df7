//! Log lines on stderr: off unless asked for, each with the correlation id of its flow.
//!
//! Secrets are kept out by type: nothing that holds one can be formatted. Lines of libraries are dropped,
//! because theirs are not under that rule.

use crate::clock;
use log::{LevelFilter, Log, Metadata, Record};
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::str::FromStr;
use std::sync::{Mutex, OnceLock};

static FLOW: OnceLock<String> = OnceLock::new();
static LOGGER: OnceLock<Logger> = OnceLock::new();

/// The correlation id of this flow: eight hexadecimal digits, shared with the worker.
#[must_use]
pub fn flow() -> &'static str {
    FLOW.get_or_init(|| {
        let mut random = [0_u8; 4];
        // Without random bytes the id is zero; it is only a help for readers.
        let _ = getrandom::fill(&mut random);
        format!("{:08x}", u32::from_ne_bytes(random))
    })
}

/// The level that `--log`, `MCP_CREDENTIAL_LOG` or `LOG_LEVEL` names. `fatal` and `silent` are what other
/// programs that read the last one call `error` and `off`.
///
/// # Errors
/// The sentence that lists them.
pub fn level(text: &str) -> Result<LevelFilter, String> {
    let level = match text.trim().to_ascii_lowercase().as_str() {
        "fatal" => Ok(LevelFilter::Error),
        "silent" => Ok(LevelFilter::Off),
        word => word.parse(),
    };
    let shown = crate::text::one_line(text);
    level.map_err(|_| format!("`{shown}` is no log level; use off, error, warn, info, debug or trace"))
}

/// Sends log lines of `level` and above to stderr.
pub fn to_stderr(level: LevelFilter) {
    install(Logger { sink: Sink::Stderr }, level);
}

/// Sends log lines to the caller of this worker.
///
/// # Errors
/// The system's.
pub fn to_socket(socket: &UnixStream, level: &str, flow: &str) -> io::Result<()> {
    let level = LevelFilter::from_str(level).unwrap_or(LevelFilter::Off);
    let _ = FLOW.set(flow.to_owned());
    install(Logger { sink: Sink::Socket(Mutex::new(socket.try_clone()?)) }, level);
    Ok(())
}

fn install(logger: Logger, level: LevelFilter) {
    // A second call, which only tests make, keeps the first logger.
    if log::set_logger(LOGGER.get_or_init(|| logger)).is_ok() {
        log::set_max_level(level);
    }
}

struct Logger {
    sink: Sink,
}

enum Sink {
    Stderr,
    Socket(Mutex<UnixStream>),
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata) -> bool {
        metadata.target().starts_with("mcp_credential")
    }

    fn log(&self, record: &Record) {
        if !self.enabled(record.metadata()) {
            return;
        }
        // A log that cannot be written is no reason to fail.
        let _ = match &self.sink {
            Sink::Stderr => {
                let time = clock::rfc3339(clock::now());
                let level = record.level().as_str().to_ascii_lowercase();
                let line = format!("{time} {level} [{}] {}\n", flow(), record.args());
                io::stderr().write_all(line.as_bytes())
            }
            Sink::Socket(socket) => send(socket, record),
        };
    }

    fn flush(&self) {}
}

fn send(socket: &Mutex<UnixStream>, record: &Record) -> io::Result<()> {
    let line =
        serde_json::json!({"Log": {"level": record.level().as_str(), "text": record.args().to_string()}});
    let mut socket = socket.lock().map_err(|_| io::Error::other("poisoned"))?;
    socket.write_all(format!("{line}\n").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_level_is_told_the_right_ones() {
        assert_eq!(level("Debug"), Ok(LevelFilter::Debug));
        assert!(level("loud\x1b").unwrap_err().contains("off, error, warn, info, debug or trace"));
    }

    #[test]
    fn a_flow_keeps_its_id() {
        assert_eq!(flow().len(), 8);
        assert_eq!(flow(), flow());
    }
}
