//! Opening the person's browser, from a process of its own.
//!
//! What starts a browser hands on what it has: environment, standard streams, process group, working
//! directory. So this program never does it itself. It starts itself once more with a hidden verb, without
//! its secrets and with nothing to print to, and that process asks the `webbrowser` crate. The URL travels
//! on stdin, not in an argument that every user of the machine could read.
//!
//! It knows no OAuth but the rule of [`safe_to_open`], which both sides ask. Limits: a browser that starts
//! and then fails is not noticed, so the URL must be shown as well; a text browser has no terminal here;
//! a relative path in `$BROWSER` is looked for in the root directory, where the opener works.

use crate::config::Environment;
use crate::config::environment::SECRET_VARIABLES;
use crate::oauth::open::{MAX_URL, safe_to_open};
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The hidden first argument with which this program becomes the opener.
pub const HIDDEN_VERB: &str = "__open-browser";
/// How long an opener may take to fail before it counts as started: longer than one takes to start on a machine that
/// is busy. A text browser never ends by itself.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often its end is looked for.
const LOOK: Duration = Duration::from_millis(10);

/// Exit status of an opener that found no browser.
const NO_BROWSER: u8 = 1;
/// Exit status of an opener that refused its URL.
const REFUSED: u8 = 2;
/// Exit status of an opener whose `$BROWSER` names no program. Another browser is not what was asked for.
const NOT_STARTABLE: u8 = 4;

/// Opens `url`, which must have passed [`safe_to_open`], in the person's browser. Besides
/// [`SECRET_VARIABLES`], the browser does not get the variables `env_to_remove`.
///
/// # Errors
/// A sentence that says why no browser was opened.
pub fn open(url: &str, env_to_remove: &[&str]) -> Result<(), String> {
    Launcher::of_this_program()?.open(url, env_to_remove)
}

/// What the hidden verb does: reads one URL from stdin, judges it once more and opens it. Returns the exit
/// status; prints nothing.
#[must_use]
pub fn opener_main() -> u8 {
    let environment = Environment::from_process();
    opener(&mut io::stdin().lock(), &|url| {
        if names_no_program(&environment) {
            return Err(io::ErrorKind::Unsupported.into());
        }
        webbrowser::open(url)
    })
}

/// Whether `$BROWSER` is set and none of its commands can be found. Only some systems heed it.
fn names_no_program(environment: &Environment) -> bool {
    let Some(commands) = environment.raw("BROWSER") else { return false };
    let folders = environment.raw("PATH").unwrap_or_default();
    let is_there = |program: &str| {
        // A relative path is looked for in the root directory, where the opener works.
        program.contains('/') && Path::new("/").join(program).is_file()
            || !program.contains('/')
                && std::env::split_paths(&folders).any(|folder| folder.join(program).is_file())
    };
    let commands = commands.to_string_lossy();
    let mut programs = commands.split(':').filter_map(|command| command.split_whitespace().next());
    cfg!(all(unix, not(target_os = "macos"))) && !programs.any(is_there)
}

fn opener(input: &mut dyn Read, start: &dyn Fn(&str) -> io::Result<()>) -> u8 {
    let mut url = String::new();
    let read = input.take(MAX_URL as u64 + 1).read_to_string(&mut url);
    if read.is_err() || safe_to_open(&url).as_deref() != Ok(url.as_str()) {
        return REFUSED;
    }
    match start(&url) {
        Ok(()) => 0,
        Err(error) if error.kind() == io::ErrorKind::Unsupported => NOT_STARTABLE,
        Err(_) => NO_BROWSER,
    }
}

/// The program that opens a browser, and how long it is watched.
#[derive(Debug, Clone)]
pub struct Launcher {
    program: PathBuf,
    arguments: Vec<OsString>,
    patience: Duration,
}

impl Launcher {
    /// A launcher of `program` with `arguments`, watched for `patience`.
    pub fn new(program: impl Into<PathBuf>, arguments: Vec<OsString>, patience: Duration) -> Self {
        Self { program: program.into(), arguments, patience }
    }

    /// This program as the opener. On Linux by the kernel's own link, which also leads to a file that an
    /// upgrade has replaced.
    ///
    /// # Errors
    /// A sentence, when the program's own file cannot be found.
    pub fn of_this_program() -> Result<Self, String> {
        let link = PathBuf::from("/proc/self/exe");
        let program = if cfg!(target_os = "linux") && link.exists() {
            link
        } else {
            std::env::current_exe().map_err(|error| format!("this program does not find itself ({error})"))?
        };
        Ok(Self::new(program, vec![HIDDEN_VERB.into()], PATIENCE))
    }

    /// As [`open`], with this launcher.
    ///
    /// # Errors
    /// A sentence that says why no browser was opened.
    pub fn open(&self, url: &str, env_to_remove: &[&str]) -> Result<(), String> {
        if safe_to_open(url).as_deref() != Ok(url) {
            return Err("the URL is not safe to open".to_owned());
        }
        let mut child = self
            .command(env_to_remove)
            .spawn()
            .map_err(|error| format!("the browser's opener does not start ({error})"))?;
        if let Some(mut stdin) = child.stdin.take() {
            // An opener that ended before it read is found out by its exit status.
            let _ = stdin.write_all(url.as_bytes());
        }
        watch(child, Instant::now() + self.patience)
    }

    fn command(&self, env_to_remove: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        for name in SECRET_VARIABLES.iter().chain(env_to_remove) {
            command.env_remove(name);
        }
        detach(&mut command);
        command
    }
}

/// A browser must outlive Ctrl-C in our terminal, must not hold our directory, and must find no program in
/// it: `$BROWSER` and `PATH` may be relative.
#[cfg(unix)]
fn detach(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    command.process_group(0).current_dir("/");
}

#[cfg(not(unix))]
fn detach(_: &mut Command) {}

/// The early end of an opener, if it comes before `until`; after that somebody else reaps it.
fn watch(mut child: Child, until: Instant) -> Result<(), String> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) if status.code() == Some(NO_BROWSER.into()) => {
                return Err("no browser was found".to_owned());
            }
            Ok(Some(status)) if status.code() == Some(NOT_STARTABLE.into()) => {
                return Err(
                    "what `BROWSER` names could not be started, and nothing else was tried".to_owned()
                );
            }
            Ok(Some(status)) => return Err(format!("the browser's opener failed ({status})")),
            Err(error) => return Err(format!("the browser's opener cannot be watched ({error})")),
            Ok(None) if Instant::now() >= until => break,
            Ok(None) => thread::sleep(LOOK),
        }
    }
    // Without a thread it stays unreaped until this process ends.
    let _ = thread::Builder::new().name("reaper".to_owned()).spawn(move || child.wait());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    const URL: &str = "https://as.example/authorize?state=s&x=%7C";

    /// The exit status for `input`, and what was opened.
    fn opened(input: &[u8], result: fn() -> io::Result<()>) -> (u8, Vec<String>) {
        let opened = RefCell::new(Vec::new());
        let start = |url: &str| {
            opened.borrow_mut().push(url.to_owned());
            result()
        };
        let status = opener(&mut &*input, &start);
        (status, opened.into_inner())
    }

    #[test]
    fn the_opener_opens_the_url_that_it_was_given() {
        assert_eq!(opened(URL.as_bytes(), || Ok(())), (0, vec![URL.to_owned()]));
        let none = || Err(io::Error::from(io::ErrorKind::NotFound));
        assert_eq!(opened(URL.as_bytes(), none), (NO_BROWSER, vec![URL.to_owned()]));
    }

    #[test]
    fn case_22_the_opener_judges_the_url_once_more() {
        let long = format!("https://as.example/{}", "x".repeat(MAX_URL));
        for input in [
            &b""[..],
            b"https://as.example/|calc",
            b"https://as.example/$(id)",
            b"https://as.example/ x",
            b"https://as.example/\n",
            b"https://as.example/\xff",
            b"HTTPS://as.example/",
            b"http://as.example/",
            b"file:///etc/passwd",
            b"--version",
            long.as_bytes(),
        ] {
            assert_eq!(opened(input, || Ok(())), (REFUSED, vec![]), "{}", input.escape_ascii());
        }
    }

    #[test]
    fn an_unsafe_url_starts_nothing() {
        let launcher = Launcher::new("/does/not/exist", vec![], Duration::ZERO);
        assert!(launcher.open("https://as.example/|calc", &[]).unwrap_err().contains("not safe"));
        assert!(launcher.open(URL, &[]).unwrap_err().contains("does not start"));
    }

    #[test]
    fn this_program_is_its_own_opener() {
        let launcher = Launcher::of_this_program().unwrap();
        assert_eq!(launcher.arguments, [HIDDEN_VERB]);
        assert_eq!(launcher.program.canonicalize().unwrap(), std::env::current_exe().unwrap());
    }
}
