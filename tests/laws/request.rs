//! A request object is read or refused, and what stands in it is never said.

use crate::laws::shown;
use mcp_credential::failure::Code;
use mcp_credential::request::{Rejected, Request, parse};
use url::Url;

/// The law for any bytes.
pub fn any(bytes: &[u8]) {
    match parse(bytes) {
        Ok(request) => sound(&request),
        Err(failure) => {
            assert_eq!(failure.code, Code::Usage);
            shown::message(&failure);
        }
    }
}

fn sound(request: &Request) {
    let http = request.http.as_ref();
    for url in request.url.iter().chain(http.map(|http| &http.url)) {
        let url = Url::parse(url).unwrap();
        assert!(["http", "https"].contains(&url.scheme()) && url.has_host() && url.username().is_empty());
    }
    if let Some(http) = http {
        assert!(!http.method.is_empty() && !http.method.contains([' ', '\r', '\n', ':', '"', '\0']));
        let visible = |nonce: &String| {
            (1..=1024).contains(&nonce.len()) && nonce.bytes().all(|byte| byte.is_ascii_graphic())
        };
        assert!(http.dpop_nonce.as_ref().is_none_or(visible));
    }
    match &request.rejected {
        Some(Rejected::Generation(generation)) => assert!(!generation.is_empty()),
        Some(Rejected::Token(token)) => assert!(!token.is_empty()),
        None => {}
    }
    for scope in request.step_up().unwrap_or_default() {
        assert!(!scope.is_empty() && scope.bytes().all(|byte| byte.is_ascii_graphic()));
    }
}
