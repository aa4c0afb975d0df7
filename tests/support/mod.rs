//! A sandbox for the real binary: a HOME of its own, an environment of its own, a browser that only writes
//! down what it was asked to open, and the test server.

#![allow(dead_code, reason = "each test file uses its part")]

pub mod descriptors;
pub mod pages;
pub mod ports;
pub mod process;
mod running;

pub use running::Running;

use oauthserver::browser::{self, Decision};
use oauthserver::{OAuthServer, Settings};
use serde_json::{Value, json};
use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// How long a test waits for something that must happen.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_mcp-credential");

/// A HOME of its own, removed at the end. A browser that was opened and that the test has neither expected nor
/// looked for fails it then.
pub struct Sandbox {
    home: PathBuf,
    variables: Vec<(OsString, OsString)>,
    /// How many of the opened browsers the test knows of.
    known: AtomicUsize,
    ports: ports::CallbackPorts,
}

/// What a run of the program came to.
#[derive(Debug)]
pub struct Ran {
    /// The exit status; -1 after a signal.
    pub status: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Sandbox {
    /// An empty HOME.
    pub fn new() -> Self {
        let home = oauthserver::new_folder("mcp-credential-it").unwrap();
        let (known, ports) = (AtomicUsize::new(0), ports::CallbackPorts::default());
        let sandbox = Self { home, variables: Vec::new(), known, ports };
        let asked = sandbox.home.join("asked-to-open");
        sandbox.script("browser", &format!("printf '%s\\n' \"$1\" >> '{}'", asked.display()));
        sandbox
    }

    /// A HOME in which `demo` stands for `server`.
    pub fn with(server: &OAuthServer) -> Self {
        let sandbox = Self::new();
        sandbox.run(&["add", "demo", &server.mcp_url()]).succeeds();
        sandbox
    }

    /// A HOME in which somebody is logged in to `server` as `demo`.
    pub fn logged_in(server: &OAuthServer) -> Self {
        let sandbox = Self::with(server);
        sandbox.login("demo").succeeds();
        sandbox.forget_browser();
        sandbox
    }

    /// The same with one more variable in the environment of every run.
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// The same without any of those variables.
    pub fn without_variables(mut self) -> Self {
        self.variables.clear();
        self
    }

    /// A HOME whose configuration is `demo` at `server` with this `oauth2` block.
    pub fn configured(server: &OAuthServer, oauth2: &Value) -> Self {
        let sandbox = Self::new();
        let demo = json!({"url": server.mcp_url(), "oauth2": oauth2});
        sandbox.write_config(&json!({"servers": {"demo": demo}}));
        sandbox
    }

    /// Puts `config` in the place of the configuration file.
    pub fn write_config(&self, config: &Value) {
        let path = self.state("config.json");
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path.parent().unwrap()).unwrap();
        fs::write(&path, config.to_string()).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// Puts a shell script into the HOME and returns its path.
    pub fn script(&self, name: &str, body: &str) -> PathBuf {
        let path = self.home.join(name);
        // Not by this process: a child that another test starts in this moment would hold it open for a while, and a
        // file that somebody may write to cannot be run.
        let write = r#"printf '#!/bin/sh\n%s\n' "$1" > "$0" && chmod 755 "$0""#;
        let written = Command::new("/bin/sh").args(["-c", write]).arg(&path).arg(body).status();
        assert!(written.unwrap().success(), "{}", path.display());
        path
    }

    /// The HOME.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// A path below the state directory.
    pub fn state(&self, path: &str) -> PathBuf {
        self.home.join(".mcp-credential").join(path)
    }

    /// The token record of `demo`.
    pub fn record(&self) -> PathBuf {
        self.state("oauth/demo.token.json")
    }

    /// The program, ready to be started with `arguments` in this sandbox and nothing else.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(patient(arguments));
        self.confine(command)
    }

    /// A shell that runs `script` in this sandbox; `$0` is the program.
    pub fn shell(&self, script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script, PROGRAM]);
        self.confine(command)
    }

    fn confine(&self, mut command: Command) -> Command {
        self.keep_ports();
        command.env_clear().current_dir("/").stdin(Stdio::null());
        command
            .env("HOME", &self.home)
            .env("PATH", "/usr/bin:/bin")
            .env("BROWSER", self.home.join("browser"));
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs the program to its end.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        end(self.start(arguments))
    }

    /// Runs the program to its end with `input` as its standard input.
    pub fn run_with(&self, arguments: &[&str], input: &[u8]) -> Ran {
        end(self.start_with(arguments, input))
    }

    /// Starts the program with its output kept and `input` as its standard input.
    pub fn start_with(&self, arguments: &[&str], input: &[u8]) -> Child {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A program that has read enough does not wait for the rest.
        let _ = child.stdin.take().unwrap().write_all(input);
        child
    }

    /// Starts the program with its output kept.
    pub fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Starts the program and watches it.
    pub fn watch(&self, arguments: &[&str]) -> Running {
        Running::watch(self.start(arguments))
    }

    /// Runs the same command many times at once.
    pub fn crowd(&self, count: usize, arguments: &[&str]) -> Vec<Ran> {
        let children: Vec<_> = (0..count).map(|_| self.start(arguments)).collect();
        children.into_iter().map(end).collect()
    }

    /// Runs `login` and plays the person: visits the address that the browser was asked to open.
    pub fn login(&self, name: &str) -> Ran {
        self.person(&["login", name], Decision::Approve)
    }

    /// Runs the program with a person at its browser, who decides as told. A run that ends without a browser
    /// has no person.
    pub fn person(&self, arguments: &[&str], decision: Decision) -> Ran {
        let before = self.asked().len();
        self.person_at(self.watch(arguments), before, decision)
    }

    /// The same with `input` as the program's standard input.
    pub fn person_with(&self, arguments: &[&str], input: &[u8], decision: Decision) -> Ran {
        let before = self.asked().len();
        self.person_at(Running::watch(self.start_with(arguments, input)), before, decision)
    }

    fn person_at(&self, mut running: Running, before: usize, decision: Decision) -> Ran {
        let opened = wait_for("a browser, or the end", || match self.asked().get(before) {
            Some(url) => Some(Some(url.clone())),
            None => running.has_ended().then_some(None),
        });
        if let Some(url) = opened {
            self.known.fetch_add(1, Ordering::SeqCst);
            browser::visit_and(&url, decision).unwrap();
        }
        let ran = running.end();
        self.keep_ports();
        ran
    }

    /// Keeps the callback ports of its registered clients from everybody else, from here on.
    pub fn keep_ports(&self) {
        self.ports.keep(&self.state("oauth"));
    }

    /// The first address that a browser was asked to open, as soon as there is one.
    pub fn asked_url(&self) -> String {
        wait_for("a browser to be asked", || self.opened().first().cloned())
    }

    /// Every address that a browser was asked to open. The test knows of them from here on.
    pub fn opened(&self) -> Vec<String> {
        let asked = self.asked();
        self.known.store(asked.len(), Ordering::SeqCst);
        asked
    }

    /// The same, past the test.
    fn asked(&self) -> Vec<String> {
        let asked = fs::read_to_string(self.home.join("asked-to-open")).unwrap_or_default();
        asked.lines().map(str::to_owned).collect()
    }

    /// From here on [`Sandbox::opened`] starts anew.
    pub fn forget_browser(&self) {
        let _ = fs::remove_file(self.home.join("asked-to-open"));
        self.known.store(0, Ordering::SeqCst);
    }

    /// What is known about the stored token, without its secrets.
    pub fn clear(&self) -> Value {
        let record = fs::read(self.record()).unwrap();
        serde_json::from_slice::<Value>(&record).unwrap()["clear"].take()
    }

    /// The stored generation.
    pub fn generation(&self) -> String {
        self.clear()["generation"].as_str().unwrap().to_owned()
    }

    /// `refresh` of the stored token, as after a 401: stale or not, a new one is needed.
    pub fn refresh(&self) -> Ran {
        self.run(&["refresh", "demo", "--timeout", "60", "--rejected-generation", &self.generation()])
    }

    /// The store's own files of a redemption under way, and drafts.
    pub fn leftovers(&self) -> Vec<String> {
        let mut names = self.files();
        names.retain(|name| [".next", ".intent", ".draft"].iter().any(|ending| name.ends_with(ending)));
        names
    }

    /// Loses what may be lost: among it, what the server said a moment ago.
    pub fn forget_state(&self) {
        let _ = fs::remove_file(self.state("oauth/demo.token.json.state"));
    }

    /// The files of the store, by name.
    pub fn files(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.state("oauth")) else { return Vec::new() };
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let asked = self.asked();
        let _ = fs::remove_dir_all(&self.home);
        if !thread::panicking() {
            let known = self.known.load(Ordering::SeqCst);
            assert!(asked.len() <= known, "a browser was opened unseen: {:?}", &asked[known..]);
        }
    }
}

/// `arguments`, with a minute for a `get` or `refresh` that is told no time: its own eight seconds are a second or two
/// too few where the machine stands still for a while.
fn patient<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    let timed = arguments.iter().any(|word| word.starts_with("--timeout"));
    let verb = arguments.first().filter(|verb| ["get", "refresh"].contains(verb) && !timed);
    verb.map_or(arguments.to_vec(), |verb| [&[verb, "--timeout", "60"], &arguments[1..]].concat())
}

/// Waits for a started program.
///
/// One that does not end is killed, so that it fails its test rather than stop them all.
pub fn end(child: Child) -> Ran {
    let pid = rustix::process::Pid::from_child(&child);
    let (over, wait) = mpsc::channel::<()>();
    let guard = thread::spawn(move || {
        if wait.recv_timeout(3 * PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    });
    let output = child.wait_with_output().unwrap();
    drop(over);
    guard.join().unwrap();
    ran(output)
}

/// What a program that has ended came to.
pub fn ran(output: Output) -> Ran {
    Ran {
        status: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Ran {
    /// The run, which must have succeeded.
    #[track_caller]
    pub fn succeeds(self) -> Self {
        assert_eq!(self.status, 0, "{self:?}");
        self
    }

    /// The run, which must have ended with this code and its exit status, and have said so.
    #[track_caller]
    pub fn fails(self, code: &str, status: i32) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        assert!(self.stderr.contains(&format!("[{code}]")), "{self:?}");
        assert_eq!(self.stderr.lines().count(), 1, "{self:?}");
        self
    }

    /// The same where a person was spoken to before: the last line says it.
    #[track_caller]
    pub fn ends(self, code: &str, status: i32) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        let last = self.stderr.lines().last().unwrap_or_default();
        assert!(last.starts_with("mcp-credential: ") && last.ends_with(&format!("[{code}]")), "{self:?}");
        self
    }

    /// stdout as the one JSON document that it must be.
    #[track_caller]
    pub fn json(&self) -> Value {
        assert_eq!(self.stdout.matches('\n').count(), 1, "{self:?}");
        serde_json::from_str(&self.stdout).unwrap()
    }

    /// A text of the answer.
    #[track_caller]
    pub fn text(&self, member: &str) -> String {
        self.json()[member].as_str().unwrap_or_else(|| panic!("no {member} in {self:?}")).to_owned()
    }
}

/// Waits until `look` finds something.
#[track_caller]
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let limit = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < limit, "waited in vain for {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// A test server whose access tokens live `seconds`.
pub fn server(seconds: u64) -> OAuthServer {
    serve(Settings { access_token_ttl: Duration::from_secs(seconds), ..Settings::default() })
}

/// A test server.
pub fn serve(settings: Settings) -> OAuthServer {
    OAuthServer::start(settings).unwrap()
}

/// Somebody is logged in, his token has ended, and the server's next tokens live an hour.
pub fn expired() -> (OAuthServer, Sandbox) {
    expired_at(Settings::default())
}

/// The same with a server of these settings.
pub fn expired_at(settings: Settings) -> (OAuthServer, Sandbox) {
    let server =
        OAuthServer::start(Settings { access_token_ttl: Duration::from_secs(1), ..settings }).unwrap();
    let sandbox = Sandbox::logged_in(&server);
    server.reconfigure(|settings| settings.access_token_ttl = Duration::from_secs(3600));
    wait_until(sandbox.clear()["expires_at"].as_u64().unwrap());
    (server, sandbox)
}

/// Somebody is logged in, and his token has most of its minute left, but less than [`LONGER_LIFE`] asks for.
pub fn ageing() -> (OAuthServer, Sandbox) {
    let server = server(60);
    let sandbox = Sandbox::logged_in(&server);
    wait_until(sandbox.clear()["expires_at"].as_u64().unwrap() - 58);
    (server, sandbox)
}

/// Asks for a token that lives longer than that of [`ageing`], in a time in which a request is sent wherever the tests
/// run.
pub const LONGER_LIFE: [&str; 6] = ["get", "demo", "--min-ttl", "59", "--timeout", "8"];

/// Waits for a second of the clock, counted from 1970 UTC.
pub fn wait_until(second: u64) {
    wait_for("the clock", || {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        (now >= second).then_some(())
    });
}

/// Makes the stored token of `sandbox` look expired to the program, by the one clock that both have: waits
/// until it is stale.
pub fn wait_until_stale(answer: &Value) {
    wait_until(answer["refresh_after"].as_u64().unwrap());
}
