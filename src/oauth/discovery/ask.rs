//! The first question: one request without a token, for the challenge that it brings.

use super::Story;
use crate::failure::{Code, Failure, Outcome};
use crate::oauth::challenge::Challenge;
use crate::oauth::http::Transport;
use crate::oauth::url::origin;

/// What the server made of a request without a token.
pub(super) struct Asked {
    /// It refused, so credentials are what it wants.
    pub(super) demanded: bool,
    /// What it said it wants.
    pub(super) challenge: Option<Challenge>,
}

/// Asks the server at its own URL. Only a 401 brings a challenge (RFC 9728, section 5); any other answer
/// leaves discovery to the well-known places. The body, perhaps an endless stream, is not read.
pub(super) fn ask(story: &Story) -> Outcome<Asked> {
    let unreachable = |fault: Transport| {
        let next =
            if matches!(fault, Transport::Barred { .. }) { "" } else { "; check `url` and the network" };
        let server = origin(&story.url);
        Failure::new(Code::Unavailable, format!("the MCP server at {server} was not reached: {fault}{next}"))
    };
    let reply = story.web.ping(&story.url).map_err(unreachable)?;
    let challenge = if reply.status == 401 { Challenge::of(&reply.headers) } else { None };
    Ok(Asked { demanded: matches!(reply.status, 401 | 403), challenge })
}
