//! Sending a token request, and sending it again where that is right.
//!
//! A complete answer that says "later" is tried three times with a growing pause, also where a gateway says it and
//! nobody knows what the server behind it has done. What presents a JWT (RFC 7523, RFC 8693) is not sent again after a
//! refusal of any shape, nor a refresh token after one without a word. A connection that was lost after the request may have arrived is
//! tried once more, at once, with the same token: if the server has not rotated it nothing is lost, and if it has
//! nothing more can be. A success that cannot be read is complete: it is not asked for again. A refusal that provides a nonce for the proof of a key (RFC 9449, section 8) is answered once, at
//! once.

use super::job::Task;
use crate::config::Network;
use crate::failure::Code;
use crate::oauth::grant::{self, Answer, Exchange, GrantRequest, TokenRequest};
use crate::oauth::http::{Http, Limits};
use std::thread;
use std::time::{Duration, Instant};

/// How often a transient fault is met before it is reported.
const TRIES: u32 = 3;
/// The pause before the second try; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(300);
/// The longest `Retry-After` that is waited for here; a longer one is the caller's to obey.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// What a request came to in the end.
#[derive(Debug)]
pub struct Sent {
    /// The last answer.
    pub answer: Answer,
    /// Whether a try may have taken effect whose answer is not known.
    pub in_doubt: bool,
    /// The nonce for the next proof, where the server provided one.
    pub nonce: Option<String>,
}

/// Sends `request` until it is answered, refused or out of tries.
#[must_use]
pub fn send(network: &Network, request: &TokenRequest, task: &Task, nonce: Option<String>) -> Sent {
    let limits = limits(&request.grant);
    let deadline = Instant::now() + limits.total;
    let http = match Http::new(network, limits) {
        Ok(http) => http.until(deadline),
        Err(failure) => return Sent { answer: Answer::Refused(failure), in_doubt: false, nonce: None },
    };
    // Whoever polls keeps the pauses between two polls himself. A poll that was lost is about its device code alone:
    // the next one tells what became of it.
    let polls = matches!(request.grant, GrantRequest::DeviceCode { .. });
    let mut sender = Sender { tries: 0, repeated: false, in_doubt: false, deadline, asked_for_nonce: false };
    let mut nonce = nonce;
    loop {
        let Exchange { answer, nonce: provided, wants_nonce } =
            grant::exchange(&http, request, nonce.as_deref());
        log::debug!("{}: {}", what(task), outcome(&answer));
        nonce = provided.or(nonce);
        if wants_nonce && sender.may_take_nonce() {
            continue;
        }
        match sender.pause_before_next(&answer).filter(|_| !polls) {
            Some(pause) => thread::sleep(pause),
            None => return Sent { answer, in_doubt: sender.in_doubt && !polls, nonce },
        }
    }
}

struct Sender {
    tries: u32,
    repeated: bool,
    in_doubt: bool,
    deadline: Instant,
    asked_for_nonce: bool,
}

impl Sender {
    /// Once: a server that asks for a nonce again and again is not obeyed for ever. A complete refusal has spent
    /// nothing, so the same token is sent again.
    fn may_take_nonce(&mut self) -> bool {
        !std::mem::replace(&mut self.asked_for_nonce, true) && Instant::now() < self.deadline
    }

    /// How long to wait before the request is sent again; `None` when it is not.
    fn pause_before_next(&mut self, answer: &Answer) -> Option<Duration> {
        self.in_doubt |= may_have_spent(answer);
        let pause = match answer {
            Answer::Ambiguous(_) if !self.repeated => {
                self.repeated = true;
                Duration::ZERO
            }
            Answer::Transient(failure) | Answer::Unclear(failure) => {
                self.tries += 1;
                let asked = failure.retry_after.map(Duration::from_secs);
                asked.unwrap_or(FIRST_PAUSE * 2_u32.pow(self.tries - 1))
            }
            _ => return None,
        };
        let in_time = Instant::now() + pause < self.deadline;
        (self.tries < TRIES && pause <= LONGEST_PAUSE && in_time).then_some(pause)
    }
}

/// Whether the request may have taken effect although nothing came of it. A success that must not be used has.
fn may_have_spent(answer: &Answer) -> bool {
    match answer {
        Answer::Ambiguous(_) | Answer::Unclear(_) | Answer::Unreadable(_) => true,
        Answer::Refused(failure) => failure.code == Code::UntrustedServer,
        Answer::Granted(_)
        | Answer::Pending { .. }
        | Answer::Dead(_)
        | Answer::Transient(_)
        | Answer::Unexplained(_) => false,
    }
}

/// A server that rotates first and answers late has already spent the only good token, so its answer is
/// waited for much longer than that of a grant that spends nothing. A poll may bring tokens as well, but hardly ever
/// does: while a person decides, a slow server must not keep the lock from those who use the old login.
fn limits(grant: &GrantRequest) -> Limits {
    match grant {
        GrantRequest::ClientCredentials
        | GrantRequest::DeviceAuthorization
        | GrantRequest::JwtBearer { .. }
        | GrantRequest::TokenExchange { .. } => Limits::PLAIN,
        GrantRequest::RefreshToken { .. } | GrantRequest::AuthorizationCode { .. } => Limits::SPENDING,
        GrantRequest::DeviceCode { .. } => Limits::POLLING,
    }
}

fn what(task: &Task) -> &'static str {
    match task {
        Task::Renew { .. } => "token request",
        Task::Exchange { .. } => "code exchange",
    }
}

fn outcome(answer: &Answer) -> String {
    match answer {
        Answer::Granted(granted) => match granted.expires_in {
            Some(seconds) => format!("granted, expires in {seconds} s"),
            None => "granted, for a time that was not said".to_owned(),
        },
        Answer::Pending { .. } => "pending".to_owned(),
        Answer::Dead(failure) => format!("dead: {}", failure.message),
        Answer::Transient(failure) => format!("transient: {}", failure.message),
        Answer::Unexplained(failure) => format!("unexplained: {}", failure.message),
        Answer::Unclear(failure) => format!("unclear: {}", failure.message),
        Answer::Ambiguous(failure) => format!("ambiguous: {}", failure.message),
        Answer::Unreadable(failure) => format!("unreadable: {}", failure.message),
        Answer::Refused(failure) => format!("refused: {}", failure.message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Failure;

    fn sender() -> Sender {
        Sender {
            tries: 0,
            repeated: false,
            in_doubt: false,
            deadline: Instant::now() + Duration::from_secs(60),
            asked_for_nonce: false,
        }
    }

    #[test]
    fn what_spends_a_token_is_waited_for_longest_and_a_poll_does_not_keep_the_lock_so_long() {
        let secret = || crate::secret::Secret::new("x");
        let code = GrantRequest::AuthorizationCode {
            code: secret(),
            verifier: secret(),
            redirect_uri: "http://127.0.0.1/callback".to_owned(),
        };
        for (grant, answer) in [
            (GrantRequest::RefreshToken { token: secret() }, 90),
            (code, 90),
            (GrantRequest::DeviceCode { device_code: secret() }, 30),
        ] {
            let limits = limits(&grant);
            assert_eq!((limits.connect.as_secs(), limits.total.as_secs()), (15, 15 + answer), "{grant:?}");
        }
        let exchange = GrantRequest::TokenExchange { id_token: secret() };
        for grant in [GrantRequest::ClientCredentials, GrantRequest::DeviceAuthorization, exchange] {
            assert_eq!(limits(&grant).total.as_secs(), 15, "{grant:?}");
        }
    }

    fn transient(retry_after: Option<u64>) -> Answer {
        Answer::Transient(Failure::new(Code::Unavailable, "503").retry_after(retry_after))
    }

    #[test]
    fn a_transient_fault_is_met_three_times_with_a_growing_pause() {
        let mut sender = sender();
        let first = sender.pause_before_next(&transient(None)).unwrap();
        let second = sender.pause_before_next(&transient(None)).unwrap();
        assert!(second > first);
        assert_eq!(sender.pause_before_next(&transient(None)), None);
    }

    #[test]
    fn a_gateways_answer_is_tried_like_a_transient_one_and_leaves_a_doubt() {
        let unclear = Answer::Unclear(Failure::new(Code::Unavailable, "504"));
        let (mut sender, mut plain) = (sender(), sender());
        for _ in 0..3 {
            assert_eq!(sender.pause_before_next(&unclear), plain.pause_before_next(&transient(None)));
        }
        assert!(sender.in_doubt && !plain.in_doubt);
    }

    #[test]
    fn a_long_retry_after_is_left_to_the_caller() {
        assert_eq!(sender().pause_before_next(&transient(Some(1))), Some(Duration::from_secs(1)));
        assert_eq!(sender().pause_before_next(&transient(Some(30))), None);
    }

    #[test]
    fn a_lost_connection_is_repeated_once_and_at_once() {
        let mut sender = sender();
        let lost = Answer::Ambiguous(Failure::new(Code::Unavailable, "reset"));
        assert_eq!(sender.pause_before_next(&lost), Some(Duration::ZERO));
        assert_eq!(sender.pause_before_next(&lost), None);
    }

    #[test]
    fn a_success_that_must_not_be_used_is_final_and_leaves_a_doubt() {
        for (code, doubt) in [(Code::UntrustedServer, true), (Code::Denied, false)] {
            let mut sender = sender();
            assert_eq!(sender.pause_before_next(&Answer::Refused(Failure::new(code, "no"))), None);
            assert_eq!(sender.in_doubt, doubt);
        }
    }

    #[test]
    fn a_success_that_cannot_be_read_is_final_and_leaves_a_doubt() {
        let mut sender = sender();
        let unreadable = Answer::Unreadable(Failure::new(Code::Unavailable, "compressed"));
        assert_eq!((sender.pause_before_next(&unreadable), sender.in_doubt), (None, true));
    }

    #[test]
    fn refusals_are_final() {
        let refused = Answer::Refused(Failure::new(Code::Denied, "no"));
        assert_eq!(sender().pause_before_next(&refused), None);
        let dead = Answer::Dead(Failure::new(Code::InteractionRequired, "no"));
        assert_eq!(sender().pause_before_next(&dead), None);
    }
}
