//! The browser's opener as a real process: what it gets, what it does not get, and that it is not waited for.
//!
//! A test that needs another environment starts this test program once more with itself as the only test.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

use mcp_credential::browser::{self, Launcher};
use mcp_credential::config::environment::SECRET_VARIABLES;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::Duration;

const URL: &str = "https://as.example/authorize?state=s&x=%7C";
/// Set, to the directory to work in, when a test runs inside the program that it started itself.
const INSIDE: &str = "BROWSER_TEST_INSIDE";
/// Long enough to see the end of any opener here.
const LONG: Duration = Duration::from_secs(60);

/// An empty directory of its own for one run of one test, gone when the test is over.
struct Directory(PathBuf);

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn directory(test: &str) -> Directory {
    Directory(oauthserver::new_folder(&format!("mcp-credential-browser-{test}")).unwrap())
}

/// An opener that is a shell script; `$0` in it is `path`.
fn script(text: &str, path: &Path, patience: Duration) -> Launcher {
    Launcher::new("/bin/sh", vec!["-c".into(), text.into(), path.into()], patience)
}

fn wait_until(condition: impl Fn() -> bool) {
    for _ in 0..6000 {
        if condition() {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("the awaited condition did not come");
}

/// Runs `test` of this program in a process of its own, inside `directory`, with `input` on its stdin.
fn run_inside(test: &str, directory: &Path, variables: &[(&str, &str)], input: &str) -> Output {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(INSIDE, directory)
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn the_opener_gets_the_url_on_stdin_alone() {
    let directory = directory("stdin");
    let file = directory.0.join("got");
    let launcher = script("{ cat; echo; echo \"$#\"; pwd; } > \"$0\"", &file, LONG);
    launcher.open(URL, &[]).unwrap();
    assert_eq!(fs::read_to_string(file).unwrap(), format!("{URL}\n0\n/\n"));
}

#[test]
#[cfg(target_os = "linux")]
fn an_interrupt_in_our_terminal_does_not_reach_the_opener() {
    let directory = directory("group");
    let file = directory.0.join("got");
    script("set -- $(cat /proc/$$/stat); echo \"$$ $5\" > \"$0\"", &file, LONG).open(URL, &[]).unwrap();
    let text = fs::read_to_string(file).unwrap();
    let (process, group) = text.trim().split_once(' ').unwrap();
    assert_eq!(process, group, "it leads a process group of its own");
}

#[test]
fn case_25_the_opener_inherits_no_secret_and_cannot_print() {
    if let Some(directory) = std::env::var_os(INSIDE) {
        let file = PathBuf::from(directory).join("environment");
        let launcher = script("cat; echo noise; echo noise >&2; env > \"$0\"", &file, LONG);
        return launcher.open(URL, &["CUSTOM_SECRET"]).unwrap();
    }
    let directory = directory("environment");
    let mut variables: Vec<(&str, &str)> = SECRET_VARIABLES.iter().map(|name| (*name, "canary")).collect();
    variables.extend([("CUSTOM_SECRET", "canary"), ("HARMLESS", "kept")]);
    let test = "case_25_the_opener_inherits_no_secret_and_cannot_print";
    let output = run_inside(test, &directory.0, &variables, "");
    assert!(output.status.success());
    let environment = fs::read_to_string(directory.0.join("environment")).unwrap();
    assert!(environment.contains("HARMLESS=kept") && !environment.contains("canary"), "{environment}");
    let printed = [output.stdout, output.stderr].concat();
    assert!(!String::from_utf8_lossy(&printed).contains("noise"));
    assert!(!String::from_utf8_lossy(&printed).contains("as.example"));
}

#[test]
fn case_24_an_opener_that_fails_early_is_noticed() {
    let nowhere = Path::new("/");
    assert_eq!(script("exit 1", nowhere, LONG).open(URL, &[]).unwrap_err(), "no browser was found");
    assert!(script("exit 3", nowhere, LONG).open(URL, &[]).unwrap_err().contains("failed"));
    assert!(script("kill -9 $$", nowhere, LONG).open(URL, &[]).unwrap_err().contains("failed"));
}

#[test]
fn an_opener_that_does_not_end_is_not_waited_for_and_reaped_later() {
    let directory = directory("blocking");
    let (pid, go) = (directory.0.join("pid"), directory.0.join("go"));
    let text =
        "echo $$ > \"$0/part\"; mv \"$0/part\" \"$0/pid\"; while [ ! -e \"$0/go\" ]; do sleep 0.01; done";
    script(text, &directory.0, Duration::ZERO).open(URL, &[]).unwrap();
    wait_until(|| pid.exists());
    let process = Path::new("/proc").join(fs::read_to_string(pid).unwrap().trim());
    let seen = process.exists();
    fs::write(go, "").unwrap();
    wait_until(|| !process.exists());
    assert_eq!(seen, Path::new("/proc/self").exists(), "it was still there before it was let go");
}

/// The arguments, one a line, that a browser got from the `$BROWSER` template `template`, where `BROWSER`
/// in it stands for a program that records them.
fn arguments(name: &str, template: &str) -> String {
    let directory = directory(name);
    let (browser, got) = (directory.0.join("browser"), directory.0.join("browser.got"));
    fs::write(&browser, "for a; do echo \"$a\"; done > \"$0.part\"; mv \"$0.part\" \"$0.got\"\n").unwrap();
    let command = format!("/bin/sh {}", browser.display());
    let variables = [("BROWSER", &*template.replace("BROWSER", &command))];
    let test = "case_24_a_browser_template_gets_the_url_as_one_argument";
    let output = run_inside(test, &directory.0, &variables, URL);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    wait_until(|| got.exists());
    fs::read_to_string(got).unwrap()
}

#[test]
fn case_24_a_browser_template_gets_the_url_as_one_argument() {
    if std::env::var_os(INSIDE).is_some() {
        std::process::exit(browser::opener_main().into());
    }
    assert_eq!(arguments("plain", "BROWSER"), format!("{URL}\n"));
    assert_eq!(arguments("template", "BROWSER --new %s --last"), format!("--new\n{URL}\n--last\n"));
    assert_eq!(arguments("fallback", "/does/not/exist:BROWSER --app=%s"), format!("--app={URL}\n"));
}
