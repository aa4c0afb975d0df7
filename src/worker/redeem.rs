//! The order of a redemption, under the token lock: claim -> read -> recover -> reserve -> one request -> save
//! -> answer. Redeem what was re-read under lock and claim, never what was read before them.

use super::child::fault;
use super::job::{Job, Message, Task};
use super::plan::{self, Plan};
use super::request::{self, Sent};
use super::room;
use crate::binding;
use crate::clock;
use crate::failure::{Code, Failure, Outcome};
use crate::oauth::grant::Answer;
use crate::oauth::url::origin_of;
use crate::store::intent::Claim;
use crate::store::lock::Held;
use crate::store::recover::Recovery;
use crate::store::reserve::Reservation;
use crate::store::state::{Asker, NonceFor, Unexplained};
use crate::store::{Slot, record};
use crate::token::{NO_PREDECESSOR, TokenRecord};
use std::thread;
use std::time::{Duration, Instant};

/// How long saving is tried after a token was obtained.
pub(super) const SAVING_LIMIT: Duration = Duration::from_secs(90);
/// The pause between two tries to save.
const SAVING_PAUSE: Duration = Duration::from_millis(250);

/// Does `job` and tells its caller what came of it.
pub fn run(job: &Job, slot: &Slot, held: Held, tell: &dyn Fn(&Message)) {
    let mut redemption = Redemption { job, slot, held, in_doubt: false, endpoint: None };
    match redemption.prepare() {
        Ok(Some(ready)) => redemption.redeem(ready, tell),
        Ok(None) => {
            drop(redemption);
            tell(&Message::Again);
        }
        // What this machine cannot do, another process may: that is shared with nobody.
        Err(failure) => {
            drop(redemption);
            tell(&Message::Failed(failure));
        }
    }
}

struct Redemption<'a> {
    job: &'a Job,
    slot: &'a Slot<'a>,
    held: Held,
    /// The token may be spent already: an earlier process died between its request and its save, a connection
    /// was lost, or a gateway gave up.
    in_doubt: bool,
    /// Where the request goes, once that is known.
    endpoint: Option<String>,
}

/// Everything is at hand, and the room for the next record is on disk.
struct Ready<'a> {
    plan: Plan,
    stored: Option<TokenRecord>,
    /// The name of the record that the answer will make.
    generation: String,
    reservation: Reservation<'a>,
}

impl<'a> Redemption<'a> {
    /// `None` when the store has moved on, or somebody else is at work under another lock file.
    fn prepare(&mut self) -> Outcome<Option<Ready<'a>>> {
        let Some(claim) = self.slot.claim(&self.held)? else { return Ok(None) };
        let (stored, is_damaged) = self.stored_for_task()?;
        if !self.is_still_wanted(stored.as_ref()) {
            return Ok(None);
        }
        match self.recover(&claim, stored.as_ref())? {
            Recovery::Adopted => {
                if let Ok(Some(adopted)) = self.slot.peek() {
                    binding::keep_home(&self.job.server, self.slot, &self.held, &adopted.clear);
                }
                claim.forget();
                return Ok(None);
            }
            Recovery::Interrupted => self.in_doubt = true,
            Recovery::Clean => {}
        }
        let plan = plan::make(self.job, self.slot, stored.as_ref())
            .and_then(|plan| room::check(plan.clear()).map(|()| plan))
            .inspect_err(|failure| share_planning(self.job, self.slot, failure))?;
        self.endpoint = Some(plan.request.token_endpoint.clone());
        let generation =
            record::new_generation().map_err(|error| fault(&format!("no random bytes: {error}")))?;
        let predecessor = generation_of(stored.as_ref());
        let mut reservation = self.slot.reserve(claim, predecessor, plan.spends(), self.in_doubt)?;
        if is_damaged {
            reservation.displace_damaged();
        }
        if !self.held.is_current() {
            log::warn!("the lock file was replaced; nothing is sent");
            reservation.release();
            return Ok(None);
        }
        if let Some(seed) = &plan.seed {
            let begun = seed.begin(self.slot, &self.held);
            if !matches!(begun, Ok(true)) {
                reservation.release();
                return begun.map(|_| None);
            }
            self.in_doubt |= seed.was_sent;
        }
        Ok(Some(Ready { plan, stored, generation, reservation }))
    }

    /// A login replaces whatever is there, also what cannot be read back: the second value says that it is there. It
    /// stays until the login is granted, since it may be good, and only our key wrong.
    fn stored_for_task(&self) -> Outcome<(Option<TokenRecord>, bool)> {
        match (self.slot.peek(), &self.job.task) {
            (Err(failure), Task::Exchange { .. }) if failure.code == Code::CacheDamaged => Ok((None, true)),
            (stored, _) => stored.map(|stored| (stored, false)),
        }
    }

    fn is_still_wanted(&self, stored: Option<&TokenRecord>) -> bool {
        match &self.job.task {
            Task::Exchange { .. } => true,
            Task::Renew { generation, .. } => generation == generation_of(stored),
        }
    }

    fn recover(&self, claim: &Claim, stored: Option<&TokenRecord>) -> Outcome<Recovery> {
        // Without a key nothing was ever sealed, so nothing can have been left.
        if stored.is_none() && self.slot.store().key().is_err() {
            return Ok(Recovery::Clean);
        }
        match (self.slot.recover(claim, &self.slot.store().key()?, stored), &self.job.task) {
            // A login spends nothing that is stored, and leaves what it cannot read until it is granted.
            (Err(failure), Task::Exchange { .. }) if failure.code == Code::CacheDamaged => {
                Ok(Recovery::Clean)
            }
            (recovery, _) => recovery,
        }
    }

    fn redeem(mut self, ready: Ready, tell: &dyn Fn(&Message)) {
        let Ready { plan, stored, generation, mut reservation } = ready;
        let sent = self.send(&plan);
        if !matches!(sent.answer, Answer::Unexplained(_) | Answer::Granted(_)) {
            self.slot.state().update(|state| state.unexplained = None);
        }
        if sent.in_doubt {
            self.in_doubt = true;
            reservation.doubt();
        }
        match sent.answer {
            Answer::Granted(granted) => {
                let record = plan.record(&granted, generation);
                self.save(&record, &plan, reservation, tell);
            }
            Answer::Pending { slow_down } => {
                reservation.release();
                drop(self);
                tell(&Message::Pending { slow_down });
            }
            Answer::Dead(_) if self.has_moved_on(stored.as_ref()) => {
                log::info!("the refused token has been replaced meanwhile");
                reservation.release();
                drop(self);
                tell(&Message::Again);
            }
            Answer::Dead(failure) => {
                let failure = self.bury(&plan, stored.as_ref(), failure, &mut reservation);
                reservation.release();
                self.end(&failure, tell);
            }
            Answer::Unclear(failure) | Answer::Ambiguous(failure) | Answer::Unreadable(failure) => {
                reservation.release();
                self.end(&failure, tell);
            }
            Answer::Transient(failure) => {
                reservation.release();
                self.spare_seed(&plan, sent.in_doubt);
                self.end(&failure, tell);
            }
            Answer::Unexplained(failure) => {
                reservation.release();
                self.spare_seed(&plan, sent.in_doubt);
                let failure = self.insisted(stored.as_ref(), failure);
                self.end(&failure, tell);
            }
            Answer::Refused(failure) => {
                reservation.release();
                self.spare_seed(&plan, sent.in_doubt);
                self.suspect_client(&plan, &failure);
                if self.is_for_all(&failure) {
                    return self.end(&failure, tell);
                }
                drop(self);
                tell(&Message::Failed(failure));
            }
        }
    }

    /// Whether a refusal is not one of what the challenge of this caller has put into the request.
    fn is_for_all(&self, failure: &Failure) -> bool {
        self.job.challenge().is_none() || failure.code == Code::InvalidClient
    }

    /// Sends the request, with the nonce that the server has provided last where a key is proved.
    fn send(&self, plan: &Plan) -> Sent {
        let place = plan.request.dpop.as_ref().map(|_| origin_of(&plan.request.token_endpoint));
        let state = self.slot.state();
        let kept =
            place.as_ref().and_then(|place| state.read().nonce(NonceFor::Token, place).map(str::to_owned));
        let sent = request::send(&self.job.network, &plan.request, &self.job.task, kept);
        if let (Some(place), Some(nonce)) = (place, &sent.nonce) {
            state.update(|state| state.keep_nonce(NonceFor::Token, &place, nonce));
        }
        sent
    }

    /// Whether somebody has put another record in the place of the one that was read, past the lock.
    fn has_moved_on(&self, stored: Option<&TokenRecord>) -> bool {
        let is_renewal = matches!(self.job.task, Task::Renew { .. });
        is_renewal && self.slot.peek().is_ok_and(|now| generation_of(now.as_ref()) != generation_of(stored))
    }

    fn save(self, record: &TokenRecord, plan: &Plan, mut reservation: Reservation, tell: &dyn Fn(&Message)) {
        let done = |persisted| Message::Done {
            clear: Box::new(record.clear.clone()),
            access_token: record.access_token.clone(),
            dpop_key: record.dpop_key.clone(),
            source: plan.source,
            persisted,
        };
        if reservation.commit(record).is_ok() {
            if plan.request.client.dynamic {
                // A refusal of the client that has passed is forgotten.
                self.mark_client(plan, false);
            }
            self.is_saved(record);
            let message = done(true);
            drop(reservation);
            drop(self);
            return tell(&message);
        }
        tell(&done(false));
        if save_late(&mut reservation, record) {
            self.is_saved(record);
        }
    }

    /// At once or late. What must not be lost with this process is the last step of the commit itself.
    fn is_saved(&self, record: &TokenRecord) {
        self.slot.state().update(crate::store::state::State::succeed);
        binding::keep_home(&self.job.server, self.slot, &self.held, &record.clear);
        log::info!("generation {} is saved", record.clear.generation);
    }

    /// A complete answer that spent nothing leaves the seed as it was, unless a try may have taken effect.
    fn spare_seed(&self, plan: &Plan, in_doubt: bool) {
        if let Some(seed) = plan.seed.as_ref().filter(|_| !in_doubt) {
            seed.untouched(self.slot, &self.held);
        }
    }

    /// A proved refusal of the refresh token removes it, and it alone: the access token is good until it
    /// ends. Later calls then send nothing.
    fn bury(
        &self,
        plan: &Plan,
        stored: Option<&TokenRecord>,
        failure: Failure,
        reservation: &mut Reservation,
    ) -> Failure {
        if let Some(seed) = &plan.seed {
            seed.over(self.slot, &self.held);
            let failure = seed.refused(&failure, self.in_doubt, self.slot.name());
            self.slot.state().update(|state| state.ended = Some(failure.message.clone()));
            return failure;
        }
        let (Task::Renew { .. }, Some(stored)) = (&self.job.task, stored) else { return failure };
        let why = if self.in_doubt {
            "a previous refresh was interrupted before its answer could be saved, and the server does not accept the old refresh token any more".to_owned()
        } else {
            failure.message
        };
        if let Err(unsaved) = reservation.commit(&stored.without_refresh_token()) {
            log::warn!("{}", unsaved.message);
        }
        self.slot.state().update(|state| state.ended = Some(why.clone()));
        Failure::new(Code::InteractionRequired, why).of_server(self.slot.name())
    }

    /// A refusal without a word proves nothing, so the token stays. But who has met nothing else for long enough is told
    /// to log in.
    fn insisted(&self, stored: Option<&TokenRecord>, failure: Failure) -> Failure {
        let (state, now) = (self.slot.state(), clock::now());
        state.update(|state| state.count_unexplained(generation_of(stored), now));
        match state.read().unexplained.filter(Unexplained::is_lasting) {
            None => failure,
            Some(Unexplained { since, last, calls, .. }) => {
                let minutes = last.saturating_sub(since) / 60;
                let text =
                    format!("{}; it has stayed so for {minutes} minutes, in {calls} calls", failure.message);
                Failure { code: Code::InteractionRequired, ..failure.saying(text) }
            }
        }
    }

    /// A refused dynamic client is replaced at the next login; a configured one is the person's to mend.
    fn suspect_client(&self, plan: &Plan, failure: &Failure) {
        if failure.code != Code::InvalidClient || !plan.request.client.dynamic {
            return;
        }
        self.mark_client(plan, true);
    }

    fn mark_client(&self, plan: &Plan, suspect: bool) {
        let client_id = &plan.request.client.client_id;
        let marked = match self.job.task {
            // The login that waits for us has the login lock.
            Task::Exchange { .. } => self.slot.mark_client(client_id, suspect),
            Task::Renew { .. } => self.slot.mark_client_apart(client_id, suspect),
        };
        if let Err(failure) = marked {
            log::warn!("the registration could not be marked: {}", failure.message);
        }
    }

    fn end(self, failure: &Failure, tell: &dyn Fn(&Message)) {
        share(self.job, self.slot, self.endpoint.as_deref(), failure);
        drop(self);
        tell(&Message::Failed(failure.clone()));
    }
}

/// A failure that the challenge of one caller may have led to is no other's.
fn share_planning(job: &Job, slot: &Slot, failure: &Failure) {
    if job.challenge().is_none() {
        share(job, slot, None, failure);
    }
}

/// Callers at the same moment get the same failure without another request. `endpoint` has said it, where a token
/// endpoint has.
pub(super) fn share(job: &Job, slot: &Slot, endpoint: Option<&str>, failure: &Failure) {
    if let Task::Renew { generation, .. } = &job.task {
        let asker = Asker { generation, mark: job.mark, endpoint };
        slot.state().update(|state| state.share(&asker, failure));
    }
}

fn generation_of(record: Option<&TokenRecord>) -> &str {
    record.map_or(NO_PREDECESSOR, |record| &record.clear.generation)
}

fn save_late(reservation: &mut Reservation, record: &TokenRecord) -> bool {
    let limit = Instant::now() + SAVING_LIMIT;
    while Instant::now() < limit {
        thread::sleep(SAVING_PAUSE);
        if reservation.commit(record).is_ok() {
            return true;
        }
    }
    false
}
