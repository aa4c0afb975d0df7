//! A home directory of its own for each test, and the helper run in it.
//!
//! Owns: the environment of the helper (nothing but PATH, HOME and a browser, unless the test adds to it),
//! the wait for a login.
//! Refuses to know: what the answers mean to a test.

use crate::peer::HANG;
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers");

/// Who visits the authorization server's pages.
#[derive(Debug, Clone, Copy)]
pub enum Visitor {
    /// A script that follows redirects and sends forms: quick.
    Script,
    /// Chromium, with scripts, styles and policies in force.
    Chromium,
}

impl Visitor {
    fn program(self) -> String {
        match self {
            Self::Script => format!("{FOLDER}/visit.mjs"),
            Self::Chromium => format!("{FOLDER}/browse.mjs"),
        }
    }
}

/// The server's NAME in every test.
pub const NAME: &str = "peer";

/// A home directory, removed with the value unless the test failed. A browser that no login of the test waits for
/// fails it.
pub struct Sandbox {
    home: PathBuf,
    environment: Vec<(String, String)>,
}

impl Sandbox {
    /// An empty home.
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = format!("peers-{}-{number}", std::process::id());
        let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder);
        fs::create_dir_all(&home).unwrap();
        let sandbox = Self { home, environment: Vec::new() };
        let unseen = format!("#!/bin/sh\necho \"$1\" >> '{}'\n", sandbox.home.join("unseen.log").display());
        fs::write(sandbox.home.join("unseen"), unseen).unwrap();
        fs::set_permissions(sandbox.home.join("unseen"), fs::Permissions::from_mode(0o755)).unwrap();
        sandbox
    }

    /// The same home, with these variables for every command.
    pub fn with(mut self, environment: &[(&str, &str)]) -> Self {
        self.environment.extend(environment.iter().map(|(key, value)| (key.to_string(), value.to_string())));
        self
    }

    /// A home in which NAME is bound to this URL and a person has logged in.
    pub fn logged_in(url: &str) -> Self {
        let sandbox = Self::for_server(url);
        sandbox.login();
        sandbox
    }

    /// A home in which NAME is bound to this URL and nobody has logged in.
    pub fn for_server(url: &str) -> Self {
        let sandbox = Self::new();
        sandbox.run(&["add", NAME, url]).succeeded();
        sandbox
    }

    /// Runs the helper to its end.
    pub fn run(&self, arguments: &[&str]) -> Answer {
        Answer::of(arguments, &self.start(arguments).wait_with_output().unwrap())
    }

    /// Runs the helper with `object` as its request object.
    pub fn ask(&self, arguments: &[&str], object: &Value) -> Answer {
        let arguments = [arguments, &["--timeout", "60", "--request", "-"]].concat();
        let mut child = self.command(&arguments).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(object.to_string().as_bytes()).unwrap();
        Answer::of(&arguments, &child.wait_with_output().unwrap())
    }

    /// The home directory.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Runs the same command in `count` processes at once.
    pub fn run_at_once(&self, count: usize, arguments: &[&str]) -> Vec<Answer> {
        let running: Vec<Child> = (0..count).map(|_| self.start(arguments)).collect();
        let ended = running.into_iter().map(|child| child.wait_with_output().unwrap());
        ended.map(|output| Answer::of(arguments, &output)).collect()
    }

    /// `get NAME`, with time enough for a machine that is busy with other tests.
    pub fn get(&self) -> Answer {
        self.run(&["get", NAME, "--timeout", "60"])
    }

    /// `refresh NAME` after a server has rejected the token of this answer.
    pub fn refresh(&self, rejected: &Answer) -> Answer {
        let generation = rejected.text("generation");
        self.run(&["refresh", NAME, "--rejected-generation", &generation, "--timeout", "60"])
    }

    /// `login NAME`, with a script as the browser.
    pub fn login(&self) {
        self.login_with(Visitor::Script);
    }

    /// `login NAME` with Chromium as the browser; the heading of the page that the person sees at the end.
    pub fn login_in_chromium(&self) -> String {
        self.login_with(Visitor::Chromium);
        // The login ends when the code is redeemed, while the browser still paints.
        let deadline = Instant::now() + HANG;
        loop {
            let heading = fs::read_to_string(self.home.join("visit.saw")).unwrap_or_default();
            if !heading.is_empty() {
                return heading;
            }
            assert!(Instant::now() < deadline, "the browser does not show the helper's page");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// `login NAME` with Chromium as the browser, and a person who cancels where that can be done.
    pub fn login_cancelled_in_chromium(&self) -> Answer {
        let mut command = self.command(&["login", NAME]);
        command.env("BROWSER", Visitor::Chromium.program()).env("VISIT_PRESS", "cancel");
        self.to_its_end(command.spawn().unwrap())
    }

    /// The value of `Authorization` in what a header helper answers.
    pub fn headers(&self) -> String {
        self.run(&["get", NAME, "--format", "headers", "--timeout", "60"]).succeeded().text("Authorization")
    }

    /// A person on another device: opens this address, types the code where a page asks for it, and presses the
    /// button `press` where a page has it; what the last page says.
    pub fn visit_elsewhere(&self, address: &str, code: &str, press: &str) -> String {
        let mut visitor = Command::new(Visitor::Script.program());
        visitor.arg(address).env("VISIT_CODE", code).env("VISIT_PRESS", press);
        visitor.env("VISIT_LOG", self.visit_log()).env("VISIT_SAW", self.home.join("visit.saw"));
        let visited = visitor.status().unwrap();
        let trouble = fs::read_to_string(self.visit_log()).unwrap_or_default();
        assert!(visited.success() && trouble.is_empty(), "the visit failed: {trouble}");
        fs::read_to_string(self.home.join("visit.saw")).unwrap()
    }

    fn login_with(&self, visitor: Visitor) {
        let mut command = self.command(&["login", NAME]);
        let child = command.env("BROWSER", visitor.program()).spawn().unwrap();
        self.to_its_end(child).succeeded();
    }

    /// Waits for a login, or for the visitor to give up.
    fn to_its_end(&self, mut child: Child) -> Answer {
        let deadline = Instant::now() + HANG;
        while child.try_wait().unwrap().is_none() {
            let trouble = fs::read_to_string(self.visit_log()).unwrap_or_default();
            if !trouble.is_empty() || Instant::now() > deadline {
                let _ = child.kill();
                let output = child.wait_with_output().unwrap();
                let stderr = String::from_utf8_lossy(&output.stderr);
                panic!("the login did not end.\nvisitor: {trouble}\nhelper: {stderr}");
            }
            thread::sleep(Duration::from_millis(20));
        }
        Answer::of(&["login", NAME], &child.wait_with_output().unwrap())
    }

    /// Starts the helper with its output kept.
    pub fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).spawn().unwrap()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mcp-credential"));
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", &self.home)
            .env("BROWSER", self.home.join("unseen"))
            .env("VISIT_LOG", self.visit_log())
            .env("VISIT_SAW", self.home.join("visit.saw"))
            .envs(self.environment.iter().map(|(key, value)| (key, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn visit_log(&self) -> PathBuf {
        self.home.join("visit.log")
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if !thread::panicking() {
            let unseen = fs::read_to_string(self.home.join("unseen.log")).unwrap_or_default();
            let _ = fs::remove_dir_all(&self.home);
            assert_eq!(unseen, "", "a browser that nobody expected");
        }
    }
}

/// How one run of the helper ended.
pub struct Answer {
    command: String,
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Answer {
    /// What this output of the helper came to.
    pub fn of(arguments: &[&str], output: &Output) -> Self {
        Self {
            command: arguments.join(" "),
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The run again, once it is sure that it succeeded.
    pub fn succeeded(self) -> Self {
        self.ended_with(0)
    }

    /// The run again, once it is sure that it ended with this exit status.
    pub fn ended_with(self, code: i32) -> Self {
        let Self { command, stderr, .. } = &self;
        // stdout stays out of the message: it may hold a token.
        assert_eq!(self.code, Some(code), "`{command}` ended otherwise; stderr: {stderr}");
        self
    }

    /// The JSON document on stdout.
    pub fn json(&self) -> Value {
        let Self { command, stderr, .. } = self;
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("`{command}` printed no JSON ({error}); stderr: {stderr}"))
    }

    /// One text member of that document.
    pub fn text(&self, member: &str) -> String {
        let Self { command, .. } = self;
        self.json()[member].as_str().unwrap_or_else(|| panic!("`{command}` answered no {member}")).to_owned()
    }

    /// Whether stdout is exactly this.
    pub fn prints(&self, text: &str) -> bool {
        self.stdout == text
    }

    /// What the run said to a person.
    pub fn stderr(&self) -> &str {
        &self.stderr
    }

    /// The `code` of the error document.
    pub fn error_code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or("no error code").to_owned()
    }
}
