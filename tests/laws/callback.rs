//! Whatever is sent to the callback listener: only the awaited answer ends the login.

use super::form;
use mcp_credential::oauth::callback::head::{HEAD_LIMIT, Parsed, parse};
use mcp_credential::oauth::callback::{CODE_LIMIT, Expected, IssuerRule, Verdict, judge};
use mcp_credential::secret::Secret;

/// The `state` of the login.
pub const STATE: &str = "n0nce-of_this.login~";
/// The listener's own `Host`.
pub const HOST: &str = "127.0.0.1:8080";
/// The path of the redirect URI.
pub const PATH: &str = "/callback";
/// The issuer that was recorded.
pub const ISSUER: &str = "https://idp.example.com";

/// Every rule that RFC 9207 can lead to.
pub fn rules() -> [IssuerRule; 4] {
    let rule = |issuer: Option<&str>, advertised| IssuerRule { issuer: issuer.map(Into::into), advertised };
    [rule(None, false), rule(None, true), rule(Some(ISSUER), false), rule(Some(ISSUER), true)]
}

/// What is waited for under `rule`.
pub fn expected(rule: &IssuerRule) -> Expected {
    Expected {
        path: PATH.to_owned(),
        hosts: vec![HOST.to_owned()],
        state: Secret::new(STATE),
        issuer: rule.clone(),
    }
}

/// The law for any bytes, under every rule.
pub fn any(bytes: &[u8]) {
    let head = match parse(bytes) {
        Parsed::Whole(head) => head,
        Parsed::Partial => return assert!(bytes.len() < HEAD_LIMIT, "it waits for ever"),
        Parsed::Invalid => return,
    };
    for rule in rules() {
        match judge(&head, &expected(&rule)) {
            Verdict::Ignored(_) => {}
            verdict => answered(&Request::read(bytes), &rule, &verdict),
        }
    }
}

/// A request that ended the login under `rule`.
fn answered(request: &Request, rule: &IssuerRule, verdict: &Verdict) {
    assert_eq!(request.method, "GET");
    assert_eq!(request.hosts, [HOST]);
    let (path, query) = request.target.split_once('?').unwrap();
    assert_eq!(path, PATH);
    assert_eq!(form::values(query, "state"), [STATE]);
    let iss_is_ours = match form::values(query, "iss").as_slice() {
        [] => !rule.advertised,
        [iss] => rule.issuer.as_ref().map_or(!rule.advertised, |issuer| issuer == iss),
        _ => false,
    };
    let (codes, errors) = (form::values(query, "code"), form::values(query, "error"));
    match verdict {
        Verdict::Success { code } => {
            assert!(iss_is_ours && errors.is_empty() && codes == [code.expose()], "{query}");
            assert!((1..=CODE_LIMIT).contains(&code.expose().len()));
            assert!(code.expose().bytes().all(|byte| (0x20..0x7f).contains(&byte)));
        }
        Verdict::Denied { error, .. } => {
            assert!(iss_is_ours && codes.is_empty() && !error.is_empty(), "{query}");
            assert_eq!(errors, [error.as_str()]);
        }
        Verdict::Untrusted(_) => assert!(!iss_is_ours, "{query}"),
        Verdict::Ignored(_) => unreachable!("it was not ignored"),
    }
}

/// A request head, read by other means than the program's.
struct Request {
    method: String,
    target: String,
    hosts: Vec<String>,
}

impl Request {
    fn read(bytes: &[u8]) -> Self {
        let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
        let mut lines = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
        let first = lines.find(|line| !line.is_empty()).unwrap();
        let mut words = first.split(' ').filter(|word| !word.is_empty());
        let (method, target) = (words.next().unwrap().to_owned(), words.next().unwrap().to_owned());
        let fields = lines.take_while(|line| !line.is_empty()).filter_map(|line| line.split_once(':'));
        let hosts = fields.filter(|(name, _)| name.eq_ignore_ascii_case("host"));
        Self {
            method,
            target,
            hosts: hosts.map(|(_, value)| value.trim_matches([' ', '\t']).to_owned()).collect(),
        }
    }
}
