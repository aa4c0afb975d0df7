//! Sending a token request, and sending it again where that is right.
//!
//! A complete answer that says "later" is tried three times with a growing pause. A connection that was
//! lost after the request may have arrived is tried once more, at once, with the same token: if the server
//! has not rotated it nothing is lost, and if it has nothing more can be.

use super::job::Task;
use crate::config::Network;
use crate::oauth::grant::{self, Answer, GrantRequest, TokenRequest};
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
    /// Whether the connection of an earlier try was lost: that try may have taken effect.
    pub lost_before: bool,
}

/// Sends `request` until it is answered, refused or out of tries.
#[must_use]
pub fn send(network: &Network, request: &TokenRequest, task: &Task) -> Sent {
    let limits = limits(request);
    let deadline = Instant::now() + limits.total;
    let http = match Http::new(network, limits) {
        Ok(http) => http.until(deadline),
        Err(failure) => return Sent { answer: Answer::Refused(failure), lost_before: false },
    };
    let mut sender = Sender { tries: 0, repeated: false, deadline };
    loop {
        let answer = grant::request(&http, request);
        log::debug!("{}: {}", what(task), outcome(&answer));
        match sender.pause_before_next(&answer) {
            Some(pause) => thread::sleep(pause),
            None => return Sent { answer, lost_before: sender.repeated },
        }
    }
}

struct Sender {
    tries: u32,
    repeated: bool,
    deadline: Instant,
}

impl Sender {
    /// How long to wait before the request is sent again; `None` when it is not.
    fn pause_before_next(&mut self, answer: &Answer) -> Option<Duration> {
        let pause = match answer {
            Answer::Ambiguous(_) if !self.repeated => {
                self.repeated = true;
                Duration::ZERO
            }
            Answer::Transient(failure) => {
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

/// A server that rotates first and answers late has already spent the only good token, so its answer is
/// waited for much longer than that of a grant that spends nothing.
fn limits(request: &TokenRequest) -> Limits {
    match request.grant {
        GrantRequest::ClientCredentials
        | GrantRequest::JwtBearer { .. }
        | GrantRequest::TokenExchange { .. } => Limits::PLAIN,
        GrantRequest::RefreshToken { .. } | GrantRequest::AuthorizationCode { .. } => Limits::SPENDING,
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
        Answer::Granted(granted) => format!("granted, expires in {:?} s", granted.expires_in),
        Answer::Dead(failure) => format!("dead: {}", failure.message),
        Answer::Transient(failure) => format!("transient: {}", failure.message),
        Answer::Ambiguous(failure) => format!("ambiguous: {}", failure.message),
        Answer::Refused(failure) => format!("refused: {}", failure.message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::{Code, Failure};

    fn sender() -> Sender {
        Sender { tries: 0, repeated: false, deadline: Instant::now() + Duration::from_secs(60) }
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
    fn refusals_are_final() {
        let refused = Answer::Refused(Failure::new(Code::Denied, "no"));
        assert_eq!(sender().pause_before_next(&refused), None);
        let dead = Answer::Dead(Failure::new(Code::InteractionRequired, "no"));
        assert_eq!(sender().pause_before_next(&dead), None);
    }
}
