//! From what came back to an [`Answer`]: from status and body alone, never from the words of a library.

use super::advice::{assertion_advice, refusal_of};
use super::fields::{self, Body};
use super::shown::Shown;
use super::{Answer, GrantRequest, TokenRequest, dead, success};
use crate::failure::{Code, Failure};
use crate::oauth::http::{Reply, Transport};
use serde_json::{Map, Value};

/// One request and when it was sent.
pub(super) struct Judge<'a> {
    request: &'a TokenRequest,
    shown: Shown<'a>,
    sent_at: u64,
    now: u64,
}

impl<'a> Judge<'a> {
    /// For an answer to `request`, which left at `sent_at` and came back at `now`, in seconds since 1970 UTC.
    pub(super) fn new(request: &'a TokenRequest, sent_at: u64, now: u64) -> Self {
        Self { request, shown: Shown::new(request), sent_at, now }
    }

    /// The failure of a request that was no token request.
    pub(super) fn refused(&self, reply: Result<Reply, Transport>) -> Failure {
        match self.answer(reply) {
            Answer::Dead(failure)
            | Answer::Transient(failure)
            | Answer::Unexplained(failure)
            | Answer::Unclear(failure)
            | Answer::Ambiguous(failure)
            | Answer::Unreadable(failure)
            | Answer::Refused(failure) => failure,
            Answer::Granted(_) | Answer::Pending { .. } => self.unsound_failure("it is a token answer"),
        }
    }

    /// What the token request came to.
    pub(super) fn answer(&self, reply: Result<Reply, Transport>) -> Answer {
        match reply {
            Ok(reply) => self.complete(&reply),
            Err(fault @ (Transport::NotSent(_) | Transport::Barred { .. })) => {
                Answer::Transient(self.unavailable(&format!("could not be sent: {fault}")))
            }
            Err(Transport::Lost(reason)) => {
                Answer::Ambiguous(self.unavailable(&format!("was lost: {reason}")))
            }
            Err(Transport::TooLarge(reply)) if is_success(&reply) => {
                self.unsound("it is too large to be read")
            }
            Err(Transport::TooLarge(reply)) => self.complete(&reply),
        }
    }

    fn complete(&self, reply: &Reply) -> Answer {
        match reply.status {
            200..=299 => self.success(reply),
            429 => Answer::Transient(self.later(reply)),
            400..=499 => self.refusal(reply),
            300..=399 => self.transient(reply, "answered with a redirect, which is not followed"),
            500 => self.unclear(reply, "failed"),
            status if is_of_a_gateway(status) => self.unclear(reply, "did not answer the gateway before it"),
            _ => self.transient(reply, "could not answer"),
        }
    }

    fn success(&self, reply: &Reply) -> Answer {
        match fields::read(reply) {
            Body::Fields(fields) => match error_of(&fields) {
                Some(error) if !fields.contains_key("access_token") => self.error(reply, error, &fields),
                _ => match success::granted(self.request, &fields, self.sent_at) {
                    Ok(granted) => Answer::Granted(granted),
                    Err(reason) => self.unsound(reason),
                },
            },
            // It said yes and was cut off: the old token may be spent.
            Body::BrokenJson | Body::Empty => {
                Answer::Ambiguous(self.unavailable("came back with a success that is cut off or empty"))
            }
            Body::Foreign => match fields::disguise(reply) {
                Some(what) => self.unreadable(&what),
                None => self
                    .transient(reply, "answered with something that is no token answer, perhaps a web page"),
            },
        }
    }

    fn refusal(&self, reply: &Reply) -> Answer {
        let fields = match fields::read(reply) {
            Body::Fields(fields) => fields,
            Body::Empty => return self.without_a_word(reply),
            Body::BrokenJson | Body::Foreign => {
                return self.transient(reply, "gave no OAuth error, perhaps a web page");
            }
        };
        match error_of(&fields) {
            Some(error) => self.error(reply, error, &fields),
            None => self.transient(reply, "gave no OAuth error"),
        }
    }

    /// An OAuth error (RFC 6749, section 5.2), whatever status it came with.
    fn error(&self, reply: &Reply, error: &str, fields: &Map<String, Value>) -> Answer {
        let description = fields::text(fields, "error_description").unwrap_or_default();
        if let GrantRequest::DeviceCode { .. } = self.request.grant
            && let Some(slow_down) = pending(error)
        {
            return Answer::Pending { slow_down };
        }
        if dead::proves(&self.request.grant, reply.status, error, description) {
            return Answer::Dead(self.dead(error, description));
        }
        match refusal_of(error, self.request, reply.status) {
            Some((code, advice)) => {
                let said = self.said(error, description);
                Answer::Refused(
                    self.failure(code, format!("{} refused the request ({said}); {advice}", self.endpoint())),
                )
            }
            None => self.transient(reply, &format!("said {}", self.said(error, description))),
        }
    }

    fn dead(&self, error: &str, description: &str) -> Failure {
        let what = match self.request.grant {
            GrantRequest::RefreshToken { .. } => "no longer accepts the refresh token",
            GrantRequest::DeviceCode { .. } if error == dead::EXPIRED => {
                let message = format!("nobody entered the code in time; {} for a new one", self.log_in());
                return self.failure(Code::Deadline, message);
            }
            GrantRequest::DeviceCode { .. } => {
                "does not accept the device code; if you have approved it, the answer was lost on its way,"
            }
            _ => "did not accept the authorization code",
        };
        let said = self.said(error, description);
        let message = format!("{} {what} ({said}); {}", self.endpoint(), self.log_in());
        self.failure(Code::InteractionRequired, message)
    }

    /// A success of the endpoint itself, not of somebody before it, that says nothing to us.
    fn unreadable(&self, what: &str) -> Answer {
        let message = format!(
            "{} granted something that cannot be read: {what}; what was sent may be spent by that, ask whoever runs that \
             server",
            self.endpoint()
        );
        Answer::Unreadable(self.failure(Code::Unavailable, message))
    }

    /// A success that must not be used.
    fn unsound(&self, reason: &str) -> Answer {
        Answer::Refused(self.unsound_failure(reason))
    }

    pub(super) fn unsound_failure(&self, reason: &str) -> Failure {
        let message = format!(
            "the answer of {} is refused: {reason}; nothing of it was kept, ask whoever runs that server",
            self.endpoint()
        );
        self.failure(Code::UntrustedServer, message)
    }

    fn later(&self, reply: &Reply) -> Failure {
        let message = format!("{} asks to come back later (HTTP 429); try again then", self.endpoint());
        self.failure(Code::RateLimited, message).retry_after(reply.retry_after(self.now))
    }

    /// A refusal without a body. Some servers give no other one to a refresh token that was used.
    fn without_a_word(&self, reply: &Reply) -> Answer {
        let what = "gave no reason";
        if self.refreshes() && matches!(reply.status, 400 | 401) {
            return Answer::Unexplained(self.passing(reply, what));
        }
        self.transient(reply, what)
    }

    fn refreshes(&self) -> bool {
        matches!(self.request.grant, GrantRequest::RefreshToken { .. })
    }

    /// An answer that is no OAuth error and no token. It may pass, unless it refuses an assertion.
    fn transient(&self, reply: &Reply, what: &str) -> Answer {
        let is_refusal = is_refusal(reply);
        if is_refusal && self.request.grant.presents_jwt() {
            return self.refused_jwt(reply, what);
        }
        Answer::Transient(self.passing(reply, what))
    }

    fn passing(&self, reply: &Reply, what: &str) -> Failure {
        // A refusal without a reason proves nothing, but only a person can end it if it stays.
        let for_good = if self.refreshes() && is_refusal(reply) {
            format!("; if it stays so, {}", self.log_in())
        } else {
            String::new()
        };
        let message = format!(
            "{} {what} (HTTP {}); nothing is lost, try again later{}{for_good}",
            self.endpoint(),
            reply.status,
            self.elsewhere(reply.status)
        );
        self.failure(Code::Unavailable, message).retry_after(reply.retry_after(self.now))
    }

    /// A refused assertion is not sent again, whatever the refusal looks like (MCP workload identity).
    fn refused_jwt(&self, reply: &Reply, what: &str) -> Answer {
        let (status, advice) = (reply.status, assertion_advice(self.request));
        let message = format!("{} {what} (HTTP {status}); {advice}", self.endpoint());
        Answer::Refused(self.failure(Code::Denied, message))
    }

    /// What an answer suggests that comes from a place which is no such endpoint.
    fn elsewhere(&self, status: u16) -> String {
        let key = match self.request.grant {
            GrantRequest::DeviceAuthorization => "deviceAuthorizationUrl",
            GrantRequest::TokenExchange { .. } => "idpTokenUrl",
            _ => "tokenUrl",
        };
        match status {
            404 | 405 | 410 | 501 => {
                format!("; if `{key}` of {} is configured, check it", self.request.server)
            }
            _ => String::new(),
        }
    }

    /// It may have failed before it acted, or after.
    fn unclear(&self, reply: &Reply, what: &str) -> Answer {
        let message = format!(
            "{} {what} (HTTP {}); whether it has acted is not known, try again later",
            self.endpoint(),
            reply.status
        );
        Answer::Unclear(self.failure(Code::Unavailable, message).retry_after(reply.retry_after(self.now)))
    }

    fn unavailable(&self, what: &str) -> Failure {
        let message = format!("the token request to {} {what}; try again later", self.endpoint());
        self.failure(Code::Unavailable, message)
    }

    fn failure(&self, code: Code, message: String) -> Failure {
        Failure::new(code, message).of_server(&self.request.server)
    }

    fn said(&self, error: &str, description: &str) -> String {
        let error = self.shown.line(error);
        if description.is_empty() { error } else { format!("{error}: {}", self.shown.line(description)) }
    }

    fn endpoint(&self) -> String {
        let origin = url::Url::parse(&self.request.token_endpoint).map(|url| crate::oauth::url::origin(&url));
        let what = match self.request.grant {
            GrantRequest::DeviceAuthorization => "device authorization",
            _ => "token",
        };
        format!("the {what} endpoint at {}", origin.unwrap_or_else(|_| "an unusable URL".to_owned()))
    }

    fn log_in(&self) -> String {
        format!("run `mcp-credential login {}`", self.request.server)
    }
}

/// 502 and 504 (RFC 9110, sections 15.6.3 and 15.6.5), and what Cloudflare says in their place: the server behind
/// the gateway broke off or was too slow.
fn is_of_a_gateway(status: u16) -> bool {
    matches!(status, 502 | 504 | 520 | 524)
}

/// Whether the request was refused because its proof lacks the server's nonce (RFC 9449, section 8).
pub(super) fn wants_nonce(reply: &Reply) -> bool {
    let is_refusal = matches!(reply.status, 400 | 401);
    is_refusal
        && matches!(fields::read(reply), Body::Fields(fields) if error_of(&fields) == Some("use_dpop_nonce"))
}

fn is_refusal(reply: &Reply) -> bool {
    (400..500).contains(&reply.status)
}

fn is_success(reply: &Reply) -> bool {
    (200..300).contains(&reply.status)
}

/// Whether the error says that a person has not decided yet, and then whether to ask less often (RFC 8628,
/// section 3.5).
fn pending(error: &str) -> Option<bool> {
    match error {
        "authorization_pending" => Some(false),
        "slow_down" => Some(true),
        _ => None,
    }
}

/// `error`, where it is a text. An object of that name belongs to another convention.
fn error_of(fields: &Map<String, Value>) -> Option<&str> {
    fields::text(fields, "error")
}
