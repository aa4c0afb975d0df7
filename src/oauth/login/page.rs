//! What the authorization page says of a client, asked by this program in place of a browser.
//!
//! One request, nothing followed, the body not read. Limit: a page that shows its refusal with 200 is not
//! understood; the person reads it.

use super::Authorization;
use crate::oauth::http::{Http, uri};
use oauth2::HttpRequest;
use oauth2::http::{HeaderValue, header};
use url::Url;

/// The statuses of a page that knows no such client: RFC 6749, section 4.1.2.1, forbids it to send the person
/// back. 400 is the usual one, 401 that of some servers, 422 Supabase's.
const REFUSALS: [u16; 3] = [400, 401, 422];

/// The status with which the page refuses `authorization`, if it does. A page that cannot be reached, a login
/// form and a redirect are no refusals.
#[must_use]
pub fn refusal_of_page(http: &Http, authorization: &Authorization) -> Option<u16> {
    let mut request = HttpRequest::new(Vec::new());
    *request.uri_mut() = uri(&Url::parse(authorization.url()).ok()?).ok()?;
    request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static("text/html, */*;q=0.8"));
    let reply = http.send_for_head(request).ok()?;
    REFUSALS.contains(&reply.status).then_some(reply.status)
}
