//! A HOME for the program under measurement, and the program in it.
//!
//! Owns: the environment of every measured call, which is HOME, PATH and BROWSER alone.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The hidden first argument with which this program is `$BROWSER`.
pub const VISIT: &str = "visit";

/// A program and its HOME.
pub struct Home {
    program: PathBuf,
    path: PathBuf,
}

impl Home {
    /// `program` in `path`, which exists.
    pub fn new(program: &str, path: &str) -> Self {
        Self { program: program.into(), path: path.into() }
    }

    /// A call that is ready to be started.
    pub fn command(&self, arguments: &[&str]) -> Result<Command> {
        let mut browser = std::env::current_exe()?.into_os_string();
        browser.push(" ");
        browser.push(VISIT);
        let mut command = Command::new(&self.program);
        command.args(arguments).env_clear().current_dir("/").stdin(Stdio::null()).stderr(Stdio::null());
        command.env("HOME", &self.path).env("PATH", "/usr/bin:/bin").env("BROWSER", browser);
        Ok(command)
    }

    /// Runs a call that must succeed, and returns its standard output.
    pub fn run(&self, arguments: &[&str]) -> Result<String> {
        let output = self.command(arguments)?.output().context("the program cannot be started")?;
        ensure!(output.status.success(), "`{}` ended with {}", arguments.join(" "), output.status);
        String::from_utf8(output.stdout).map_err(Into::into)
    }

    /// Runs a call that answers with a token, and returns the answer and its time in milliseconds.
    pub fn timed(&self, arguments: &[&str]) -> Result<(Value, f64)> {
        let began = Instant::now();
        let output = self.run(arguments)?;
        let took = milliseconds(began);
        Ok((serde_json::from_str(&output)?, took))
    }

    /// Waits until the stored token of `name` is to be renewed.
    pub fn wait_until_stale(&self, name: &str) -> Result<()> {
        let status: Value = serde_json::from_str(&self.run(&["status", name, "--format", "json"])?)?;
        let end = status["token"]["expires_at"].as_u64().context("the token has no end")?;
        while SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() < end {
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}

/// The time since `began`, in milliseconds.
pub fn milliseconds(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1000.0
}
