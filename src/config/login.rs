//! How a person's login is arranged: whether it may start, and where the browser comes back to.
//!
//! Owns the rule that the way back ends on this machine, unless that was allowed on purpose.

use super::entry::Stated;
use super::merge::Merged;
use super::node::Node;
use super::validate::DAY;
use super::{Callback, Environment, Interactive, Server, environment};
use crate::failure::Outcome;
use crate::oauth::url::{endpoint, is_loopback};
use url::{Host, Url};

/// What is wrong with a host or redirect URI elsewhere.
const REMOTE: &str = "is not on this machine; use 127.0.0.1, or set callbackAllowRemote to true";

/// Fills in what is stated about the login.
///
/// # Errors
/// `config_invalid` that names the key or the variable.
pub(super) fn fill(merged: &mut Merged, server: &mut Server, env: &Environment) -> Outcome<()> {
    server.interactive = interactive(merged, env)?;
    let allow_remote = merged.flag("callbackAllowRemote")?.unwrap_or(false);
    let default = Callback::default();
    server.callback = Callback {
        host: merged
            .parsed("callbackHost", |text| callback_host(text, allow_remote))?
            .unwrap_or(default.host),
        port: merged.number("callbackPort", 0..=u64::from(u16::MAX))?.map_or(default.port, narrow),
        timeout_seconds: merged.number("callbackTimeoutSeconds", 1..=DAY)?.unwrap_or(default.timeout_seconds),
        redirect_uri: merged.parsed("redirectUri", |text| redirect_uri(text, allow_remote))?,
        allow_remote,
        pasted: false,
    };
    Ok(())
}

fn narrow(port: u64) -> u16 {
    u16::try_from(port).unwrap_or_default()
}

/// `never` wins, whoever says it; else the environment over the file.
fn interactive(merged: &mut Merged, env: &Environment) -> Outcome<Interactive> {
    let from_file = match merged.take("interactive") {
        None => Interactive::Auto,
        Some(stated) => interactive_value(&stated)
            .ok_or_else(|| merged.complain(&stated, "must be \"auto\", true or false"))?,
    };
    Ok(env.interactive()?.map_or(from_file, |later| from_file.overridden_by(later)))
}

fn interactive_value(stated: &Stated) -> Option<Interactive> {
    match &stated.node {
        Node::Bool(true) => Some(Interactive::Always),
        Node::Bool(false) => Some(Interactive::Never),
        Node::Text(text) => environment::interactive(text),
        _ => None,
    }
}

/// The host without brackets.
fn callback_host(text: &str, allow_remote: bool) -> Result<String, String> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let bracketed = if bare.contains(':') { format!("[{bare}]") } else { bare.to_owned() };
    let host = Host::parse(&bracketed).map_err(|_| "must be a host, without scheme and port".to_owned())?;
    let loopback = Url::parse(&format!("http://{host}/")).is_ok_and(|url| is_loopback(&url));
    if !loopback && !allow_remote {
        return Err(REMOTE.to_owned());
    }
    Ok(host.to_string().trim_start_matches('[').trim_end_matches(']').to_owned())
}

/// RFC 6749, section 3.1.2: absolute, without a fragment.
fn redirect_uri(text: &str, allow_remote: bool) -> Result<String, String> {
    let url = endpoint(text).map_err(|problem| format!("is no redirect URI: {problem}"))?;
    if url.fragment().is_some() {
        return Err("must not have a fragment".to_owned());
    }
    if !is_loopback(&url) && !allow_remote {
        return Err(REMOTE.to_owned());
    }
    Ok(text.to_owned())
}
