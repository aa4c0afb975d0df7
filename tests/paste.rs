//! `login --paste`: the browser is on another machine, and the person brings the address that it ended at.

mod support;

use oauthserver::browser;
use oauthserver::{Consent, Device, IssParameter, OAuthServer, Settings};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::ffi::OsStrExt;
use std::process::{ChildStdin, Stdio};
use support::{Running, Sandbox, serve, server, wait_for};
use url::Url;

const PASTE: [&str; 3] = ["login", "demo", "--paste"];

/// A `login --paste` under way, and what is typed into it.
struct Login {
    running: Running,
    input: Option<ChildStdin>,
}

fn start(sandbox: &Sandbox, arguments: &[&str]) -> Login {
    let mut command = sandbox.command(arguments);
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.unwrap();
    let input = child.stdin.take();
    Login { running: Running::watch(child), input }
}

impl Login {
    fn types(&mut self, text: &str) -> &mut Self {
        self.input.as_mut().unwrap().write_all(text.as_bytes()).unwrap();
        self
    }

    /// The address that the program shows.
    fn shown(&self) -> String {
        self.running.says("paste it here and press Enter");
        address_in(&self.running)
    }
}

fn address_in(running: &Running) -> String {
    running.said().lines().find(|line| line.starts_with("http")).unwrap().to_owned()
}

/// Where the browser ends after the login, without getting there.
fn end_of(address: &str) -> String {
    browser::get(address).unwrap().header("location").unwrap().to_owned()
}

/// The value of a parameter of an address.
fn value(address: &str, name: &str) -> String {
    let url = Url::parse(address).unwrap();
    url.query_pairs().find(|(key, _)| key == name).unwrap().1.into_owned()
}

#[test]
fn a_pasted_address_logs_in_without_a_browser_and_without_a_listener() {
    let server = server(3600);
    let sandbox = Sandbox::with(&server);
    let mut login = start(&sandbox, &PASTE);
    let shown = login.shown();
    let redirect = Url::parse(&value(&shown, "redirect_uri")).unwrap();
    assert!(TcpStream::connect(("127.0.0.1", redirect.port().unwrap())).is_err(), "nothing listens");
    let end = end_of(&shown);
    login.types(&format!("{end}\n"));
    let ran = login.running.end().succeeds();
    assert_eq!(ran.stdout, "");
    assert!(ran.stderr.contains("demo: logged in, token valid until 2"), "{}", ran.stderr);
    assert!(!ran.stderr.contains(&value(&end, "code")) && !ran.stderr.contains(&end));
    assert_eq!(sandbox.opened(), [""; 0]);
    let token = sandbox.run(&["get", "demo"]).succeeds().text("access_token");
    assert!(server.mcp_accepts(&token));
    // The client that was registered for it serves the next login.
    sandbox.keep_ports();
    sandbox.login("demo").succeeds();
    assert_eq!(server.registrations().len(), 1);
}

#[test]
fn wrong_pastes_are_told_so_unseen_and_the_right_one_counts() {
    let server = server(3600);
    let sandbox = Sandbox::with(&server);
    let mut login = start(&sandbox, &PASTE);
    let end = end_of(&login.shown());
    let (code, state) = (value(&end, "code"), value(&end, "state"));
    login.types("canary-of-a-slip\n");
    login.types(&format!("{code}\n"));
    login.types(&format!("{}\n", end.replace(&state, "canary-of-another-login")));
    login.types(&format!("{end}{}\n", "x".repeat(100_000)));
    login.types(&format!("\n  {end}  \n"));
    let ran = login.running.end().succeeds();
    assert_eq!(ran.stderr.matches("That is not the address of this login").count(), 4, "{}", ran.stderr);
    assert!(!ran.stderr.contains("canary") && !ran.stderr.contains(&code), "{}", ran.stderr);
    assert_eq!(server.token_requests().len(), 1);
}

#[test]
fn ten_wrong_pastes_are_enough_and_so_is_the_end_of_input() {
    let server = server(3600);
    for typed in ["wrong\n".repeat(10), String::new()] {
        let sandbox = Sandbox::with(&server);
        let mut login = start(&sandbox, &PASTE);
        login.shown();
        login.types(&typed);
        if typed.is_empty() {
            login.input = None;
        }
        let ran = login.running.end().ends("interaction_required", 4);
        let given_up = ran.stderr.contains("the login was given up before it was finished");
        assert_eq!(given_up, typed.is_empty(), "{}", ran.stderr);
        assert_eq!(ran.stderr.contains("none of the 10 lines"), !typed.is_empty(), "{}", ran.stderr);
        assert!(ran.stderr.contains("run `mcp-credential login demo --paste`"), "{}", ran.stderr);
        assert!(!sandbox.record().exists());
    }
    assert_eq!(server.token_requests().len(), 0);
}

#[test]
fn nobody_who_pastes_anything_is_waited_for_until_the_limit() {
    let server = server(3600);
    let sandbox = Sandbox::with(&server);
    let login = start(&sandbox, &["login", "demo", "--paste", "--timeout", "5"]);
    login.shown();
    let ran = login.running.end().ends("deadline", 75);
    assert!(ran.stderr.contains("`mcp-credential login demo --paste`"), "{}", ran.stderr);
}

#[test]
fn an_answer_of_another_issuer_and_a_refusal_end_it_as_they_do_at_the_listener() {
    let other = IssParameter { value: Some("https://evil.example".to_owned()), ..IssParameter::default() };
    let missing = IssParameter { sent: false, ..IssParameter::default() };
    for (settings, code, status) in [
        (Settings { iss: other, ..Settings::default() }, "untrusted_server", 5),
        (Settings { iss: missing, ..Settings::default() }, "untrusted_server", 5),
        (Settings { consent: Consent::Deny, ..Settings::default() }, "denied", 6),
    ] {
        let server: OAuthServer = serve(settings);
        let sandbox = Sandbox::with(&server);
        let mut login = start(&sandbox, &PASTE);
        let end = end_of(&login.shown());
        login.types(&format!("{end}\n"));
        login.running.end().ends(code, status);
        assert_eq!((server.token_requests().len(), sandbox.record().exists()), (0, false));
    }
}

#[test]
fn it_wins_over_a_code_for_another_device() {
    let server = serve(Settings { device: Some(Device::default()), ..Settings::default() });
    let sandbox = Sandbox::with(&server);
    let mut login = start(&sandbox, &PASTE);
    let end = end_of(&login.shown());
    login.types(&format!("{end}\n"));
    login.running.end().succeeds();
}

#[test]
fn it_cannot_be_asked_to_open_a_browser_as_well() {
    let sandbox = Sandbox::new();
    let ran = sandbox.run(&["login", "demo", "--paste", "--interactive", "always"]);
    assert_eq!((ran.status, ran.stdout.as_str()), (2, ""), "{ran:?}");
}

#[test]
fn over_ssh_a_login_names_it_as_the_last_resort() {
    let server = server(3600);
    let sandbox = Sandbox::with(&server).variable("SSH_CONNECTION", "192.0.2.1 1 192.0.2.2 22");
    let login = sandbox.watch(&["login", "demo"]);
    login.says("run `mcp-credential login demo --paste` instead");
    sandbox.asked_url();
    login.kill();
}

/// A terminal: the end that the program reads, and the end that shows what is on the screen.
fn terminal() -> (File, File) {
    let screen = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&screen).unwrap();
    unlockpt(&screen).unwrap();
    let name = ptsname(&screen, Vec::new()).unwrap();
    let path = std::ffi::OsStr::from_bytes(name.as_bytes()).to_owned();
    let keyboard = OpenOptions::new().read(true).write(true).open(path).unwrap();
    (keyboard, File::from(screen))
}

fn at_terminal(sandbox: &Sandbox, keyboard: &File) -> Running {
    let mut command = sandbox.command(&PASTE);
    command.stdin(Stdio::from(keyboard.try_clone().unwrap()));
    Running::watch(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
}

fn echoes(terminal: &File) -> bool {
    tcgetattr(terminal)
        .unwrap()
        .local_modes
        .contains(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG)
}

#[test]
fn a_terminal_shows_nothing_of_it_whatever_its_length_and_echoes_again_afterwards() {
    let server = server(3600);
    let sandbox = Sandbox::with(&server);
    let (keyboard, mut screen) = terminal();
    let login = at_terminal(&sandbox, &keyboard);
    login.says("paste it here and press Enter");
    wait_for("the echo to go", || (!echoes(&keyboard)).then_some(()));
    let end = end_of(&address_in(&login));
    // A terminal by itself cuts a line at 4095 bytes.
    let long = format!("{end}&padding={}\r", "x".repeat(6000));
    screen.write_all(long.as_bytes()).unwrap();
    login.end().succeeds();
    wait_for("the echo to come back", || echoes(&keyboard).then_some(()));
    screen.write_all(b"after\r").unwrap();
    let mut shown = [0_u8; 8192];
    let count = screen.read(&mut shown).unwrap();
    assert_eq!(&shown[..count.min(5)], b"after", "the first that the screen shows");
}

#[test]
fn a_person_who_gives_up_gets_the_terminal_back() {
    let server = server(3600);
    let sandbox = Sandbox::with(&server);
    let (keyboard, mut screen) = terminal();
    let login = at_terminal(&sandbox, &keyboard);
    login.says("paste it here and press Enter");
    wait_for("the echo to go", || (!echoes(&keyboard)).then_some(()));
    screen.write_all(b"half an addr\x03").unwrap();
    login.end().ends("interaction_required", 4);
    assert!(echoes(&keyboard));
}
