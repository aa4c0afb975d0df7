//! Metadata documents from a list of places: the first that can be used.
//!
//! A place that has no document is passed over. Only 404, 405, 410 and a web page say that nothing is there; what else
//! a place answers (401, 403, a redirect, another JSON document) is kept as a doubt. A server that has a fault (5xx,
//! 429, a document without end, broken JSON) or cannot be reached is remembered, so that its bad moment is not taken
//! for "there is no metadata".

use super::Story;
use crate::failure::{Code, Failure, Outcome};
use crate::oauth::http::{Reply, Transport};
use serde::de::IgnoredAny;
use serde_json::{Map, Value};
use url::Url;

/// A JSON object.
pub(super) type Document = Map<String, Value>;

/// What is to be made of a document.
pub(super) enum Verdict<T> {
    /// This is the one.
    Use(T),
    /// Something else lives there.
    Pass(&'static str),
    /// Not to be used, but another place may have a better one. Reported if none has.
    Suspect(Failure),
    /// The same, because a login there would be unprotected.
    Unprotected(Failure),
    /// Not to be used, and the search is over.
    Refuse(Failure),
}

/// What a fault at one place means for the places after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AfterFault<'a> {
    /// They may be used: they are of the same issuer, whose identity is checked.
    GoOn,
    /// They are not looked at: they could say something else than the one that is out of order. But gateways say 502
    /// of whatever they have no way to, so that counts only of a place that somebody has named.
    Stop {
        /// That place.
        named: Option<&'a Url>,
    },
}

impl AfterFault<'_> {
    fn stops_at(self, place: &Url, status: Option<u16>) -> bool {
        match self {
            Self::GoOn => false,
            Self::Stop { named } => status != Some(502) || named == Some(place),
        }
    }
}

/// A search that found nothing.
#[derive(Default)]
pub(super) struct Nothing {
    /// The first document that could not be trusted.
    pub(super) suspect: Option<Failure>,
    /// Whether a login would be unprotected by all that was found.
    pub(super) is_unprotected: bool,
    /// The first fault of a server.
    pub(super) fault: Option<Failure>,
    /// Each place and what was there.
    pub(super) notes: Vec<String>,
    /// Those of the notes that do not say that nothing is there.
    pub(super) doubts: Vec<String>,
}

impl Nothing {
    /// A search that came after this one, and found nothing either. Its fault is no reason.
    pub(super) fn add(&mut self, later: Self) {
        self.suspect = self.suspect.take().or(later.suspect);
        self.is_unprotected |= later.is_unprotected;
        self.notes.extend(later.notes);
        self.doubts.extend(later.doubts);
    }

    fn note(&mut self, place: &Url, why: &str) {
        self.notes.push(format!("{}: {why}", shown(place)));
    }

    fn doubt(&mut self, place: &Url, why: &str) {
        self.note(place, why);
        self.doubts.extend(self.notes.last().cloned());
    }

    /// The failure that explains the search best, if it is more than "nothing was there".
    pub(super) fn reason(self) -> Option<Failure> {
        self.suspect.or(self.fault)
    }
}

enum Place {
    Has(Document),
    /// Nothing is there.
    Empty(String),
    /// There is no document to be had, which says nothing of whether there is one.
    Closed(String),
    Faulty(String, Fault),
}

/// What came with a fault.
#[derive(Default)]
struct Fault {
    /// The HTTP status, where it is that of a fault.
    status: Option<u16>,
    /// How long to wait, in seconds.
    retry_after: Option<u64>,
}

/// Goes through `places` in order. The inner error is a search that found nothing.
///
/// # Errors
/// What [`Verdict::Refuse`] carried, and `unavailable` when a host cannot be reached at all.
pub(super) fn first<T>(
    story: &Story,
    places: &[Url],
    after_fault: AfterFault<'_>,
    judge: impl Fn(Document) -> Verdict<T>,
) -> Outcome<Result<T, Nothing>> {
    let mut nothing = Nothing::default();
    for place in places {
        match look(story, place)? {
            Place::Has(document) => match judge(document) {
                Verdict::Use(found) => return Ok(Ok(found)),
                Verdict::Refuse(failure) => return Err(failure),
                Verdict::Pass(why) => nothing.doubt(place, why),
                Verdict::Suspect(failure) => {
                    nothing.suspect.get_or_insert(failure);
                }
                Verdict::Unprotected(failure) => {
                    nothing.suspect.get_or_insert(failure);
                    nothing.is_unprotected = true;
                }
            },
            Place::Empty(why) => nothing.note(place, &why),
            Place::Closed(why) => nothing.doubt(place, &why),
            Place::Faulty(why, Fault { status, retry_after }) => {
                nothing.doubt(place, &why);
                nothing.fault.get_or_insert_with(|| unavailable(place, &why).retry_after(retry_after));
                if after_fault.stops_at(place, status) {
                    break;
                }
            }
        }
    }
    Ok(Err(nothing))
}

fn look(story: &Story, place: &Url) -> Outcome<Place> {
    match story.web.document(place) {
        Ok(reply) => Ok(read(&reply)),
        Err(Transport::TooLarge(reply)) => Ok(match reply.status {
            429 | 500.. => read(&reply),
            _ => Place::Faulty("the document is too large".to_owned(), Fault::default()),
        }),
        Err(fault) => Err(unavailable(place, &fault.to_string())),
    }
}

fn read(reply: &Reply) -> Place {
    match reply.status {
        200 => document(reply),
        status @ (404 | 405 | 410) => Place::Empty(format!("HTTP {status}")),
        status @ 300..=399 => Place::Closed(format!("HTTP {status}, a redirect, which is not followed")),
        status @ (429 | 500..) => {
            let retry_after = reply.retry_after(crate::clock::now());
            Place::Faulty(format!("HTTP {status}"), Fault { status: Some(status), retry_after })
        }
        status => Place::Closed(format!("HTTP {status}")),
    }
}

/// A page says that nothing is there: many servers answer whatever is asked with one.
fn document(reply: &Reply) -> Place {
    let (text, is_json) = (reply.text(), says_json(reply));
    let text = text.trim_start();
    if let Ok(document) = serde_json::from_str(text) {
        return Place::Has(document);
    }
    if !is_json && !text.starts_with(['{', '[']) {
        return Place::Empty("a page and no JSON".to_owned());
    }
    if text.is_empty() || text.starts_with('<') {
        return Place::Closed("a page that is called JSON".to_owned());
    }
    // An object that is nested too deeply to be read is no better than half of one.
    let is_whole = !text.starts_with('{') && serde_json::from_str::<IgnoredAny>(text).is_ok();
    match (is_whole, is_json || text.starts_with('{')) {
        (true, _) => Place::Closed("another JSON document".to_owned()),
        (false, true) => Place::Faulty("broken JSON".to_owned(), Fault::default()),
        (false, false) => Place::Closed("no JSON, although it begins so".to_owned()),
    }
}

/// Whether the media type is one of JSON (RFC 8259, section 11; RFC 6839, section 3.1).
fn says_json(reply: &Reply) -> bool {
    let kind = reply.header("content-type").unwrap_or_default().to_ascii_lowercase();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.ends_with("/json") || kind.ends_with("+json")
}

fn unavailable(place: &Url, why: &str) -> Failure {
    let message = format!("its metadata at {} could not be had: {why}; try again later", shown(place));
    Failure::new(Code::Unavailable, message)
}

/// A URL without its query, in which servers keep all sorts of things.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    crate::text::one_line(url.as_str())
}
