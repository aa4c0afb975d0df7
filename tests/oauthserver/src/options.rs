//! The command line of the program.
//!
//! Owns flags and their values. A wrong one is named in the error.

use oauthserver::browser::Decision;
use oauthserver::{Client, Consent, Device, Dpop, Rotation, Settings};
use std::time::Duration;

/// The text of `--help`.
pub const HELP: &str = "\
oauthserver: an OAuth 2.1 and MCP server for tests and demonstrations, on 127.0.0.1

usage: oauthserver [OPTIONS]          serve; prints the MCP URL, the issuer, and a line for each request
       oauthserver visit URL          act as a browser: follow redirects, approve the consent form
       oauthserver visit --deny URL   the same, but deny

  --port PORT               default: a free one
  --access-token-ttl TIME   30s, 5m, 1h or seconds; default 1h
  --refresh-token-ttl TIME  default: for ever
  --no-registration         no dynamic client registration
  --no-rotation             refresh tokens stay as they are
  --consent HOW             auto, form, deny or silent; default auto
  --issuer-path PATH        such as /tenant1; default: none
  --mcp-path PATH           default /mcp
  --scopes LIST             scopes_supported, separated by commas
  --client ID[=REDIRECT]    a pre-registered public client; may be repeated
  --client-secret SECRET    gives the client before it a secret, and client credentials
  --require-scope SCOPE     tools/call wants this scope (403 insufficient_scope)
  --device                  logins on another device (RFC 8628)
  --dpop                    tokens are bound to a key (RFC 9449), and no others are taken
  --strict                  refuse loopback redirect URIs of clients that do not register as native
";

/// What to do.
#[derive(Debug)]
pub enum Command {
    /// Print the help.
    Help,
    /// Serve with these settings.
    Serve(Box<Settings>),
    /// Be a browser.
    Visit(String, Decision),
}

/// Reads the arguments.
pub fn parse(arguments: &[String]) -> Result<Command, String> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["--help" | "-h" | "help", ..] => Ok(Command::Help),
        ["visit", "--deny", url] => Ok(Command::Visit((*url).to_owned(), Decision::Deny)),
        ["visit", url] => Ok(Command::Visit((*url).to_owned(), Decision::Approve)),
        ["visit", ..] => Err("visit takes one URL".to_owned()),
        options => serve(options),
    }
}

fn serve(words: &[&str]) -> Result<Command, String> {
    let mut settings = Settings::default();
    settings.registration.native_only = false;
    let mut words = words.iter();
    while let Some(&flag) = words.next() {
        match flag {
            "--help" | "-h" => return Ok(Command::Help),
            "--no-registration" => settings.registration.enabled = false,
            "--no-rotation" => settings.rotation = Rotation::Repeat,
            "--device" => settings.device = Some(Device::default()),
            "--dpop" => settings.dpop = Dpop { offered: true, required: true, ..Dpop::default() },
            "--strict" => settings.registration.native_only = true,
            _ => {
                let value = words.next().ok_or(format!("{flag} is unknown or needs a value"))?;
                set(&mut settings, flag, value)?;
            }
        }
    }
    Ok(Command::Serve(Box::new(settings)))
}

fn set(settings: &mut Settings, flag: &str, value: &str) -> Result<(), String> {
    let wrong = || format!("{flag} cannot be {value:?}");
    match flag {
        "--port" => settings.port = value.parse().map_err(|_| wrong())?,
        "--access-token-ttl" => settings.access_token_ttl = time(value).ok_or_else(wrong)?,
        "--refresh-token-ttl" => settings.refresh_token_ttl = Some(time(value).ok_or_else(wrong)?),
        "--consent" => settings.consent = consent(value).ok_or_else(wrong)?,
        "--issuer-path" => settings.issuer_path = path(value).ok_or_else(wrong)?,
        "--mcp-path" => settings.mcp_path = path(value).ok_or_else(wrong)?,
        "--scopes" => settings.scopes_supported = value.split(',').map(str::to_owned).collect(),
        "--client" => settings.clients.push(client(value)),
        "--client-secret" => {
            let client = settings.clients.pop().ok_or("--client-secret needs a --client before it")?;
            settings.clients.push(confidential(client, value));
        }
        "--require-scope" => settings.required_scopes.push(("tools/call".to_owned(), value.to_owned())),
        _ => return Err(format!("{flag} is unknown")),
    }
    Ok(())
}

fn consent(word: &str) -> Option<Consent> {
    Some(match word {
        "auto" => Consent::Auto,
        "form" => Consent::Form,
        "deny" => Consent::Deny,
        "silent" => Consent::Silent,
        _ => return None,
    })
}

fn client(value: &str) -> Client {
    match value.split_once('=') {
        Some((id, redirect)) => Client::public(id).redirect_uri(redirect).any_loopback_port(),
        None => Client::public(value),
    }
}

fn confidential(client: Client, secret: &str) -> Client {
    Client {
        redirect_uris: client.redirect_uris,
        any_loopback_port: client.any_loopback_port,
        ..Client::confidential(client.client_id, secret)
    }
}

fn path(text: &str) -> Option<String> {
    (text.is_empty() || text.starts_with('/')).then(|| text.to_owned())
}

/// A time such as `30s`, `5m`, `1h`, or plain seconds.
fn time(text: &str) -> Option<Duration> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = match text.strip_prefix(digits)? {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return None,
    };
    let seconds: u64 = digits.parse().ok()?;
    seconds.checked_mul(unit).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::{Command, parse, time};
    use std::time::Duration;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn a_time_has_a_unit_or_is_in_seconds() {
        assert_eq!(time("30s"), Some(Duration::from_secs(30)));
        assert_eq!(time("5m"), Some(Duration::from_secs(300)));
        assert_eq!(time("7"), Some(Duration::from_secs(7)));
        for wrong in ["", "s", "1d", "-1s", "99999999999999999999h"] {
            assert_eq!(time(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_wrong_argument_is_named() {
        for (line, named) in [
            ("--port high", "--port"),
            ("--wat 1", "--wat"),
            ("--consent", "--consent"),
            ("--mcp-path mcp", "--mcp-path"),
            ("visit", "visit"),
            ("--client-secret x", "--client-secret"),
        ] {
            let problem = parse(&words(line)).unwrap_err();
            assert!(problem.contains(named), "{line}: {problem}");
        }
    }

    #[test]
    fn flags_reach_the_settings() {
        let command = parse(&words("--port 9000 --access-token-ttl 30s --no-registration")).unwrap();
        let Command::Serve(settings) = command else {
            panic!("not served");
        };
        assert_eq!(settings.port, 9000);
        assert_eq!(settings.access_token_ttl, Duration::from_secs(30));
        assert!(!settings.registration.enabled);
    }

    #[test]
    fn what_protocol_md_speaks_of_can_be_turned_on() {
        let line =
            "--device --dpop --client bot=http://127.0.0.1/back --client-secret s3cret --require-scope write";
        let Command::Serve(settings) = parse(&words(line)).unwrap() else {
            panic!("not served");
        };
        assert!(settings.device.is_some() && settings.dpop.offered && settings.dpop.required);
        let bot = &settings.clients[0];
        assert_eq!((bot.client_id.as_str(), bot.secret.as_deref()), ("bot", Some("s3cret")));
        assert_eq!((bot.redirect_uris[0].as_str(), bot.any_loopback_port), ("http://127.0.0.1/back", true));
        assert_eq!(settings.required_scopes, [("tools/call".to_owned(), "write".to_owned())]);
    }
}
