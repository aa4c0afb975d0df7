//! The program under demonstration, and a HOME of its own for it.
//!
//! Owns: building it, running it with nothing but what is stated here in its environment, and the clean-up.
//! Knows no step of the story.

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::ffi::OsString;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// The name that users type.
pub const NAME: &str = "mcp-credential";
/// The hidden first argument with which the demo is `$BROWSER`.
pub const VISIT: &str = "visit";

/// Builds the program with the profile that the demo was built with, and says where it lies. Cargo builds an
/// example without the programs beside it; where nothing has changed this costs a moment.
pub fn build() -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into());
    let built = Command::new(cargo)
        .args(["build", "--quiet", "--bin", NAME, "--message-format=json-render-diagnostics"])
        .args(["--profile", profile()])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stderr(Stdio::inherit())
        .output()
        .context("cargo cannot be run, and the program must be built first")?;
    ensure!(built.status.success(), "the program could not be built");
    let messages = String::from_utf8(built.stdout)?;
    messages.lines().rev().find_map(executable).context("cargo built the program and does not say where")
}

fn profile() -> &'static str {
    if cfg!(debug_assertions) { "dev" } else { "release" }
}

fn executable(message: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(message).ok()?;
    Some(PathBuf::from(message["executable"].as_str()?))
}

/// A HOME that is removed at the end.
pub struct Home {
    program: PathBuf,
    path: PathBuf,
}

/// What a run of the program came to.
pub struct Ran {
    /// The exit status; none after a signal.
    pub status: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Home {
    /// An empty HOME for `program`.
    pub fn new(program: PathBuf) -> Result<Self> {
        let path = std::env::temp_dir().join(format!("{NAME}-demo-{}", std::process::id()));
        DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .with_context(|| format!("{} cannot be created", path.display()))?;
        let home = Self { program, path };
        // By a name without blanks or colons, which mean something in $BROWSER.
        symlink(std::env::current_exe()?, home.path.join("browser"))?;
        Ok(home)
    }

    /// Runs the program to its end.
    pub fn run(&self, arguments: &[&str]) -> Result<Ran> {
        self.start(arguments)?.wait_with_output().map_err(Into::into).and_then(Ran::of)
    }

    /// Runs the same command `count` times at once.
    pub fn run_at_once(&self, count: usize, arguments: &[&str]) -> Result<Vec<Ran>> {
        let started: Result<Vec<Child>> = (0..count).map(|_| self.start(arguments)).collect();
        started?.into_iter().map(|child| Ran::of(child.wait_with_output()?)).collect()
    }

    fn start(&self, arguments: &[&str]) -> Result<Child> {
        let mut browser = OsString::from(self.path.join("browser"));
        browser.push(" ");
        browser.push(VISIT);
        let mut command = Command::new(&self.program);
        command.args(arguments).env_clear().current_dir("/").stdin(Stdio::null());
        command.env("HOME", &self.path).env("PATH", "/usr/bin:/bin").env("BROWSER", browser);
        // There is a display, as far as the program can tell; and nobody is waited for in vain.
        command.env("DISPLAY", ":0").env("OAUTH2_CALLBACK_TIMEOUT_SECONDS", "30");
        let started = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        started.with_context(|| format!("{} cannot be started", self.program.display()))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // What is left of it is harmless: its server is gone as well.
        let _ = fs::remove_dir_all(&self.path);
    }
}

impl Ran {
    fn of(output: Output) -> Result<Self> {
        let (stdout, stderr) = (String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?);
        Ok(Self { status: output.status.code(), stdout, stderr })
    }

    /// The run, if it succeeded.
    pub fn succeeded(self) -> Result<Self> {
        match self.status {
            Some(0) => Ok(self),
            status => bail!("ended with status {status:?}: {}", self.stderr.trim_end()),
        }
    }

    /// stdout as the one JSON document that it must be.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.stdout).context("standard output is not one JSON document")
    }
}
