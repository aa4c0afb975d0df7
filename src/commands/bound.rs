//! The proof that goes with a token that is bound to a key (RFC 9449, section 7.1), for the request that the
//! caller names.

use super::session::Session;
use crate::broker::Answer;
use crate::cli::Format;
use crate::dpop::prove;
use crate::failure::{Code, Failure, Outcome};
use crate::jose::dpop::Target;
use crate::oauth::url::{endpoint, origin};
use crate::request::HttpTarget;
use crate::store::state::NonceFor;
use crate::token::DPOP;

/// The answer with its proof, where its token is bound and `http` names the request. That this is a request to the
/// server itself has been checked ([`Session::check_call`]). A nonce that the caller hands in is kept for later.
///
/// # Errors
/// `usage` where the format is nothing but headers and no request is named, `cache_damaged` where the stored key is none.
pub fn proved(
    session: &Session,
    answer: Answer,
    format: Format,
    http: Option<&HttpTarget>,
) -> Outcome<Answer> {
    check(session, &answer, format, http)?;
    let Some(http) = http.filter(|_| answer.clear.token_type == DPOP) else { return Ok(answer) };
    let name = &session.server.name;
    let wrong = |why| Failure::new(Code::Usage, format!("`http.url` cannot be used: {why}")).of_server(name);
    let url = endpoint(&http.url).map_err(wrong)?;
    let slot = session.slot();
    if let Some(nonce) = &http.dpop_nonce {
        slot.state().update(|state| state.keep_nonce(NonceFor::Resource, &origin(&url), nonce));
    }
    let target = Target { method: &http.method, url: &url, nonce: http.dpop_nonce.as_deref() };
    let proof = prove(&slot, &answer, target)?;
    Ok(Answer { proof, ..answer })
}

/// Whether the answer can be given in this format.
///
/// # Errors
/// `usage` where headers alone are asked for a bound token, and the request that they are for is not named.
pub fn check(session: &Session, answer: &Answer, format: Format, http: Option<&HttpTarget>) -> Outcome<()> {
    let headers_alone = matches!(format, Format::Headers | Format::Header);
    if answer.clear.token_type == DPOP && headers_alone && http.is_none() {
        return Err(unnamed(session));
    }
    Ok(())
}

fn unnamed(session: &Session) -> Failure {
    let text = "the token of this server is bound to a key (DPoP), so headers are good for one request alone; name it \
                as `http` in a request object: `--request -` with {\"http\":{\"method\":\"POST\",\"url\":\"…\"}}";
    Failure::new(Code::Usage, text).of_server(&session.server.name)
}
