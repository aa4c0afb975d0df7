//! `login NAME`: a person logs in, now.

use super::add;
use super::login_flow::{self, Opening, Wanted, Way};
use super::session::{Session, interactive};
use super::step_up;
use crate::broker::{Answer, Source};
use crate::cli::LoginArgs;
use crate::clock::rfc3339;
use crate::config::edit::NewServer;
use crate::config::{Environment, Interactive};
use crate::failure::{Code, Failure, Outcome};
use crate::oauth::discovery::union;
use crate::reply;
use crate::text::one_line;
use crate::token::{Clear, split_scope};
use crate::vault::StoreVault;

/// Runs the verb. A typed `login` is consent: under `never` the address is printed and nothing is opened.
///
/// # Errors
/// Every code of protocol.md.
pub fn run(args: &LoginArgs, environment: &Environment) -> Outcome<()> {
    if let Some(url) = &args.url {
        add::write(&args.name, &NewServer::new(url), environment)?;
    }
    let mut session = Session::open(&args.name, environment)?;
    session.server.callback.pasted = args.paste;
    let answer = log_in(&session, args).map_err(|failure| session.remember(failure))?;
    reply::note(&done(&session, &answer));
    Ok(())
}

fn log_in(session: &Session, args: &LoginArgs) -> Outcome<Answer> {
    if session.server.grant.is_unattended() {
        let name = &session.server.name;
        let text = format!(
            "this server is configured with a grant that needs no login; run `mcp-credential get {name}`"
        );
        return Err(Failure::new(Code::Usage, text));
    }
    let opening = match interactive(&session.server, args.interactive) {
        _ if args.paste => Opening::Paste,
        Interactive::Never => Opening::Nothing,
        Interactive::Auto | Interactive::Always => Opening::Browser,
    };
    let slot = session.slot();
    let vault = StoreVault::new(&slot, &session.server, &session.loaded.machine.network, session.environment);
    let scopes = args.scope.as_deref().map(scopes).transpose()?;
    let wanted = Wanted { challenge: None, scopes: scopes.as_deref() };
    let device = match (args.device, args.no_device || args.paste) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => None,
    };
    let way = Way { opening, device };
    let answer = login_flow::run(session, &vault, None, &wanted, way, args.timeout)?;
    step_up::forget(session);
    Ok(answer)
}

/// The scopes of `--scope`.
fn scopes(typed: &str) -> Outcome<Vec<String>> {
    let scopes = split_scope(typed);
    // What the union leaves out is no scope (RFC 6749, section 3.3), or too much for a URL.
    if scopes.is_empty() || union(scopes.iter().map(String::as_str)) != Some(scopes.join(" ")) {
        let text = "`--scope` takes scopes, separated by blanks, without quotes and backslashes, of at most 8 KiB together";
        return Err(Failure::new(Code::Usage, text));
    }
    Ok(scopes)
}

fn done(session: &Session, answer: &Answer) -> String {
    let who = match answer.source {
        Source::AlreadyRotated => "another login has just been completed; its token is used",
        _ => "logged in",
    };
    let until =
        answer.clear.expires_at.map_or_else(String::new, |at| format!(", token valid until {}", rfc3339(at)));
    let renewal =
        if answer.clear.can_refresh { " and renewed by itself" } else { ", no refresh token was given" };
    let narrowed = narrowed(&answer.clear).map_or_else(String::new, |text| format!("; {text}"));
    format!("{}: {who}{until}{renewal}{narrowed}", session.server.name)
}

/// What was asked for and not granted.
fn narrowed(clear: &Clear) -> Option<String> {
    let (granted, asked) = (clear.scopes.as_ref()?, clear.scopes_requested.as_ref()?);
    // All that it is for is a refresh token; some servers give one and leave the name out.
    let is_moot = |scope: &str| scope == "offline_access" && clear.can_refresh;
    let missing: Vec<&str> = asked
        .iter()
        .filter(|scope| !granted.contains(scope) && !is_moot(scope))
        .map(String::as_str)
        .collect();
    (!missing.is_empty()).then(|| format!("not granted: {}", one_line(&missing.join(" "))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::samples;

    #[test]
    fn what_was_not_granted_is_told_but_for_a_name_whose_effect_is_there() {
        let told = |granted: &str, can_refresh| {
            let asked = Some(split_scope("read write offline_access"));
            let sample = samples::clear(0, None);
            narrowed(&Clear {
                scopes: Some(split_scope(granted)),
                scopes_requested: asked,
                can_refresh,
                ..sample
            })
        };
        assert_eq!(told("read write", true), None);
        assert_eq!(told("read write", false).as_deref(), Some("not granted: offline_access"));
        assert_eq!(told("read", true).as_deref(), Some("not granted: write"));
    }
}
