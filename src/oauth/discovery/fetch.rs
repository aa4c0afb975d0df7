//! Metadata documents from a list of places: the first that can be used.
//!
//! A place that has nothing (404, a web page, broken JSON, a redirect) is passed over. A server that has a fault
//! (5xx, 429, a document without end) or cannot be reached is remembered, so that its bad moment is not taken for
//! "there is no metadata".

use super::Story;
use crate::failure::{Code, Failure, Outcome};
use crate::oauth::http::{Reply, Transport};
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
}

impl Nothing {
    /// A search that came after this one, and found nothing either. Its fault is no reason.
    pub(super) fn add(&mut self, later: Self) {
        self.suspect = self.suspect.take().or(later.suspect);
        self.is_unprotected |= later.is_unprotected;
        self.notes.extend(later.notes);
    }

    /// The failure that explains the search best, if it is more than "nothing was there".
    pub(super) fn reason(self) -> Option<Failure> {
        self.suspect.or(self.fault)
    }
}

enum Place {
    Has(Document),
    Empty(String),
    Faulty(String, Option<u64>),
}

/// Goes through `places` in order. The inner error is a search that found nothing.
///
/// # Errors
/// What [`Verdict::Refuse`] carried, and `unavailable` when a host cannot be reached at all.
pub(super) fn first<T>(
    story: &Story,
    places: &[Url],
    judge: impl Fn(Document) -> Verdict<T>,
) -> Outcome<Result<T, Nothing>> {
    let mut nothing = Nothing::default();
    for place in places {
        let note = match look(story, place)? {
            Place::Has(document) => match judge(document) {
                Verdict::Use(found) => return Ok(Ok(found)),
                Verdict::Refuse(failure) => return Err(failure),
                Verdict::Pass(why) => why.to_owned(),
                Verdict::Suspect(failure) => {
                    nothing.suspect.get_or_insert(failure);
                    continue;
                }
                Verdict::Unprotected(failure) => {
                    nothing.suspect.get_or_insert(failure);
                    nothing.is_unprotected = true;
                    continue;
                }
            },
            Place::Empty(why) => why,
            Place::Faulty(why, wait) => {
                nothing.fault.get_or_insert_with(|| unavailable(place, &why).retry_after(wait));
                why
            }
        };
        nothing.notes.push(format!("{}: {note}", shown(place)));
    }
    Ok(Err(nothing))
}

fn look(story: &Story, place: &Url) -> Outcome<Place> {
    match story.web.document(place) {
        Ok(reply) => Ok(read(&reply)),
        Err(Transport::TooLarge(reply)) => Ok(match read(&reply) {
            Place::Faulty(why, wait) => Place::Faulty(why, wait),
            _ => Place::Faulty("the document is too large".to_owned(), None),
        }),
        Err(fault) => Err(unavailable(place, &fault.to_string())),
    }
}

fn read(reply: &Reply) -> Place {
    match reply.status {
        200 => match serde_json::from_str(&reply.text()) {
            Ok(document) => Place::Has(document),
            Err(_) => Place::Empty("no JSON object".to_owned()),
        },
        status @ 300..=399 => Place::Empty(format!("HTTP {status}, a redirect, which is not followed")),
        status @ (429 | 500..) => {
            Place::Faulty(format!("HTTP {status}"), reply.retry_after(crate::clock::now()))
        }
        status => Place::Empty(format!("HTTP {status}")),
    }
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
