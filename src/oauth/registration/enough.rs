//! Whether the client that came back is enough for the login (RFC 7591, section 3.2.1: the server may replace what was
//! asked for, and the client has to check that).
//!
//! Only what is said counts: a member that is absent, empty or of another type says nothing. Servers write a redirect
//! URI in their own way, so those of this machine are compared without host and port, which are free there (RFC 8252,
//! section 7.3), and all of them without a slash at the end.

use super::Order;
use crate::oauth::grant::DEVICE_CODE;
use crate::oauth::url::is_loopback;
use crate::text::one_line;
use serde_json::{Map, Value};
use url::{Position, Url};

const CODE_GRANT: &str = "authorization_code";

/// What the login lacks.
///
/// # Errors
/// Half a sentence that says what is there and what is not.
pub(super) fn check(order: &Order, fields: &Map<String, Value>) -> Result<(), String> {
    let grants = said(fields, "grant_types");
    // A login on another device that comes to nothing goes on with a browser.
    let each = || grants.iter().flat_map(|text| text.split_whitespace());
    let lacks_grant = |grant: &str| !grants.is_empty() && !each().any(|one| one.eq_ignore_ascii_case(grant));
    if lacks_grant(CODE_GRANT) && (!order.for_devices || lacks_grant(DEVICE_CODE)) {
        return Err(format!("its `grant_types` are {}, without `{}`", listed(&grants), needed(order)));
    }
    if order.for_devices {
        return Ok(());
    }
    let responses = said(fields, "response_types");
    if !responses.is_empty() && !responses.contains(&"code") {
        return Err(format!("its `response_types` are {}, without `code`", listed(&responses)));
    }
    let uris = said(fields, "redirect_uris");
    // One that is no URL, such as `http://127.0.0.1:*/callback`, is a pattern of the server's own.
    let is_asked = |uri: &&str| {
        Url::parse(uri).is_err() || order.redirect_uris.iter().any(|asked| plain(asked) == plain(uri))
    };
    if !uris.is_empty() && !uris.iter().any(is_asked) {
        let asked: Vec<&str> = order.redirect_uris.iter().map(String::as_str).collect();
        return Err(format!("its `redirect_uris` are {}, without {}", listed(&uris), listed(&asked)));
    }
    Ok(())
}

fn needed(order: &Order) -> &'static str {
    if order.for_devices { DEVICE_CODE } else { CODE_GRANT }
}

/// The texts of a list.
fn said<'a>(fields: &'a Map<String, Value>, name: &str) -> Vec<&'a str> {
    let list = fields.get(name).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    list.iter().filter_map(Value::as_str).filter(|text| !text.is_empty()).collect()
}

/// A redirect URI as it is compared.
fn plain(uri: &str) -> String {
    let Ok(url) = Url::parse(uri) else { return uri.trim_end_matches('/').to_owned() };
    let path = url.path().trim_end_matches('/');
    let rest = &url[Position::AfterPath..];
    if is_loopback(&url) {
        return format!("{}://loopback{path}{rest}", url.scheme());
    }
    format!("{}{path}{rest}", &url[..Position::BeforePath])
}

fn listed(texts: &[&str]) -> String {
    one_line(&texts.iter().map(|text| format!("`{text}`")).collect::<Vec<_>>().join(", "))
}
