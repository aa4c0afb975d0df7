//! The answer of a browser that cannot reach this machine: a person copies the address that it ended at.
//!
//! The address is judged as if the browser had asked for it here. Owns how such an address is taken apart; it
//! reads no terminal, and shows nothing of what was pasted. Pure.

use super::head::{HEAD_LIMIT, RequestHead};
use super::listener::Ended;
use super::{Expected, Verdict, judge};

/// The longest address that is taken, in bytes: as much as the listener reads.
pub const LIMIT: usize = HEAD_LIMIT;

/// How the login that `expected` describes ends with what was pasted; `None` where that is not the address that
/// is waited for, which begins with `redirect_uri`.
#[must_use]
pub fn ended_by(pasted: &str, redirect_uri: &str, expected: &Expected) -> Option<Ended> {
    let scheme = redirect_uri.split(':').next().unwrap_or_default();
    let (authority, target) = taken_apart(pasted.trim(), scheme)?;
    match judge(&RequestHead { method: "GET", target, hosts: vec![authority.as_bytes()] }, expected) {
        Verdict::Ignored(_) => None,
        Verdict::Success { code } => Some(Ended::Code(code)),
        Verdict::Denied { error, description } => Some(Ended::Denied { error, description }),
        Verdict::Untrusted(breach) => Some(Ended::Untrusted(breach)),
    }
}

/// Authority and target of an address, as a browser would send them: without the fragment.
fn taken_apart<'a>(address: &'a str, scheme: &str) -> Option<(&'a str, &'a str)> {
    let (given, rest) = address.split_once("://")?;
    let rest = rest.split('#').next().unwrap_or_default();
    let target = rest.find(['/', '?'])?;
    given.eq_ignore_ascii_case(scheme).then(|| rest.split_at(target))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Callback;
    use crate::oauth::callback::{IssuerBreach, IssuerRule, Listener};
    use crate::secret::Secret;

    fn ended_at(callback: &Callback, pasted: &str) -> Option<Ended> {
        let listener = Listener::bind(callback).unwrap();
        assert!(listener.addresses().is_empty(), "nothing listens");
        let issuer = IssuerRule { issuer: Some("https://as.example".to_owned()), advertised: true };
        ended_by(pasted, &listener.redirect_uri(), &listener.expected(Secret::new("S"), issuer))
    }

    fn ended(pasted: &str) -> Option<Ended> {
        ended_at(&Callback { port: 7, pasted: true, ..Callback::default() }, pasted)
    }

    const GOOD: &str = "http://127.0.0.1:7/callback?code=c&state=S&iss=https%3A%2F%2Fas.example";

    #[test]
    fn the_address_that_the_browser_ended_at_brings_the_code() {
        let code = Some(Ended::Code(Secret::new("c")));
        for line in [
            GOOD.to_owned(),
            format!("  {GOOD}\r"),
            format!("{GOOD}#_=_"),
            GOOD.replace("127.0.0.1", "localhost"),
        ] {
            assert_eq!(ended(&line), code, "{line}");
        }
        assert_eq!(ended(&GOOD.replace("http:", "HTTP:")), code);
    }

    #[test]
    fn what_is_not_the_awaited_address_is_ignored() {
        for line in [
            "",
            "c",
            "code=c&state=S",
            "://",
            "http://",
            "http://127.0.0.1:7",
            &GOOD.replace("http:", "https:"),
            &GOOD.replace(":7", ":8"),
            &GOOD.replace("127.0.0.1", "evil.example"),
            &GOOD.replace("127.0.0.1:7", "127.0.0.1:7@evil.example"),
            &GOOD.replace("/callback", "/other"),
            &GOOD.replace("state=S", "state=T"),
            &GOOD.replace("state=S", ""),
            &GOOD.replace("state=S", "state=S&state=S"),
            &GOOD.replace("code=c", "code="),
            &GOOD.replace("code=c", "code=c&code=d"),
            &GOOD.replace("code=c", "code=\u{1b}"),
        ] {
            assert_eq!(ended(line), None, "{line}");
        }
    }

    #[test]
    fn a_refusal_and_a_wrong_issuer_end_it_as_they_do_at_the_listener() {
        let denied = Ended::Denied { error: "access_denied".to_owned(), description: None };
        assert_eq!(ended(&GOOD.replace("code=c", "error=access_denied")), Some(denied));
        let other = IssuerBreach::Other("https://evil.example".to_owned());
        assert_eq!(ended(&GOOD.replace("as.example", "evil.example")), Some(Ended::Untrusted(other)));
        let without = GOOD.split("&iss").next().unwrap();
        assert_eq!(ended(without), Some(Ended::Untrusted(IssuerBreach::Missing)));
    }

    #[test]
    fn a_redirect_uri_that_leads_elsewhere_is_pasted_as_well() {
        let uri = "https://login.example.com/back?x=1";
        let callback = Callback { redirect_uri: Some(uri.to_owned()), pasted: true, ..Callback::default() };
        let pasted = format!("{uri}&code=c&state=S&iss=https%3A%2F%2Fas.example");
        assert_eq!(ended_at(&callback, &pasted), Some(Ended::Code(Secret::new("c"))));
        assert_eq!(ended_at(&callback, &pasted.replace("https:", "http:")), None);
    }

    #[test]
    fn a_redirect_uri_without_a_fixed_port_gets_one_for_private_use_that_stays_free() {
        let listener = Listener::bind(&Callback { pasted: true, ..Callback::default() }).unwrap();
        let uri = url::Url::parse(&listener.redirect_uri()).unwrap();
        assert!(uri.port().unwrap() > 60999, "{uri}");
    }
}
