//! What a person reads while a login waits. Texts only; where they go is the caller's.
//!
//! A text that cannot be written is lost, not an error: stderr may be closed while the browser works.

use crate::text::one_line;
use std::io::Write;
use std::time::Instant;

/// The URL, on a line of its own so that it can be copied whole.
pub(super) fn announce(terminal: &mut dyn Write, server: &str, url: &str, deadline: Instant) {
    let seconds = deadline.saturating_duration_since(Instant::now()).as_secs_f64().ceil();
    let server = one_line(server);
    let text = format!(
        "{server}: to log in, open this address in a browser; it is waited for at most {seconds:.0} s.\n{url}\n"
    );
    write(terminal, &text);
}

/// How a browser on another machine reaches the listener. Without a `tunnel` the redirect URI leads there
/// by itself.
pub(super) fn forward(terminal: &mut dyn Write, tunnel: Option<&str>, server: &str) {
    if let Some(tunnel) = tunnel {
        let (command, server) = (format!("ssh -L {tunnel} HOST"), one_line(server));
        write(
            terminal,
            &format!(
                "If that browser runs on another machine, first run there: {command} (HOST is this machine). Where that \
                 cannot be done, run `mcp-credential login {server} --paste` instead.\n"
            ),
        );
    }
}

/// What to do with the address that the browser ends at.
pub(super) fn ask_for_address(terminal: &mut dyn Write, redirect_uri: &str) {
    let start = one_line(redirect_uri);
    write(
        terminal,
        &format!(
            "After the login that browser ends at an address that begins with {start} and most likely shows an error. \
             Copy the whole address, paste it here and press Enter; what is pasted is not shown.\n"
        ),
    );
}

/// That something else was pasted; nothing of it is shown.
pub(super) fn not_the_address(terminal: &mut dyn Write, redirect_uri: &str) {
    let start = one_line(redirect_uri);
    write(
        terminal,
        &format!("That is not the address of this login, which begins with {start}. Try again.\n"),
    );
}

/// Whether a browser was opened.
pub(super) fn opened(terminal: &mut dyn Write, result: &Result<(), String>) {
    let text = match result {
        // Whether it came is not known: what was started may fail later.
        Ok(()) => "A browser was asked to open it; if none appears, open the address yourself.\n".to_owned(),
        Err(why) => format!("No browser was opened ({}): open the address yourself.\n", one_line(why)),
    };
    write(terminal, &text);
}

/// Every text begins as all lines of this program do.
fn write(terminal: &mut dyn Write, text: &str) {
    let text = format!("mcp-credential: {text}");
    let _ = terminal.write_all(text.as_bytes()).and_then(|()| terminal.flush());
}
