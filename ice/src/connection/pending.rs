//! Calls that wait for an answer.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use tokio::sync::{Notify, oneshot};

use crate::{Error, Result, wire::ReplyBody};

/// A call that waits.
struct Waiting {
    answer: oneshot::Sender<Result<ReplyBody>>,
    /// Whether it may have come to the peer.
    sent: bool,
    /// Whether it may be repeated even so.
    may_repeat: bool,
}

#[derive(Default)]
struct State {
    calls: HashMap<i32, Waiting>,
    last_id: i32,
    /// How many of them were sent.
    n_sent: usize,
    /// When the first of those was.
    since: Option<Instant>,
    /// Why there are no more calls.
    ended: Option<String>,
}

/// All calls of a connection that wait for an answer.
#[derive(Default)]
pub(super) struct Pending {
    state: Mutex<State>,
    /// Told when the last one has its answer.
    empty: Notify,
}

impl Pending {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held, and if it did, the numbers would still be right.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number for a call, and where its answer comes.
    ///
    /// # Errors
    /// `Lost` when the connection has ended.
    pub(super) fn add(self: &Arc<Self>, may_repeat: bool) -> Result<Ticket> {
        let mut state = self.state();
        if let Some(reason) = &state.ended {
            return Err(Error::Lost { reason: reason.clone(), may_repeat: true });
        }
        // 0 is for calls without an answer.
        let id = loop {
            state.last_id = state.last_id.checked_add(1).unwrap_or(1);
            if !state.calls.contains_key(&state.last_id) {
                break state.last_id;
            }
        };
        let (answer, receiver) = oneshot::channel();
        state.calls.insert(id, Waiting { answer, sent: false, may_repeat });
        Ok(Ticket { id, may_repeat, receiver, pending: self.clone() })
    }

    /// A call is sent now. False when nobody waits for it any more.
    pub(super) fn sent(&self, id: i32) -> bool {
        let mut state = self.state();
        let Some(waiting) = state.calls.get_mut(&id) else { return false };
        if !std::mem::replace(&mut waiting.sent, true) {
            state.n_sent += 1;
            if state.n_sent == 1 {
                state.since = Some(Instant::now());
            }
        }
        true
    }

    /// Gives an answer to its call; answers that nobody waits for are dropped.
    pub(super) fn answer(&self, id: i32, answer: Result<ReplyBody>) {
        if let Some(waiting) = self.remove(id) {
            // The one who waits may just have gone.
            let _: std::result::Result<(), _> = waiting.answer.send(answer);
        }
    }

    fn remove(&self, id: i32) -> Option<Waiting> {
        let mut state = self.state();
        let waiting = state.calls.remove(&id);
        state.n_sent -= usize::from(waiting.as_ref().is_some_and(|waiting| waiting.sent));
        if state.calls.is_empty() {
            self.empty.notify_waiters();
        }
        waiting
    }

    /// Ends everything: those who wait are told why. With `not_executed` the peer has said that
    /// it did nothing of what it did not answer.
    pub(super) fn end(&self, reason: &str, not_executed: bool) {
        let calls = {
            let mut state = self.state();
            state.ended.get_or_insert_with(|| reason.to_owned());
            state.n_sent = 0;
            std::mem::take(&mut state.calls)
        };
        self.empty.notify_waiters();
        for waiting in calls.into_values() {
            let may_repeat = not_executed || !waiting.sent || waiting.may_repeat;
            let lost = Error::Lost { reason: reason.to_owned(), may_repeat };
            let _: std::result::Result<(), _> = waiting.answer.send(Err(lost));
        }
    }

    /// Takes no more calls.
    pub(super) fn refuse(&self, reason: &str) {
        self.state().ended.get_or_insert_with(|| reason.to_owned());
    }

    /// Why there are no more calls, if so.
    pub(super) fn ended(&self) -> Option<String> {
        self.state().ended.clone()
    }

    /// Since when calls that were sent wait, if there are any.
    pub(super) fn since(&self) -> Option<Instant> {
        let state = self.state();
        state.since.filter(|_| state.n_sent > 0)
    }

    /// How many calls wait.
    pub(super) fn len(&self) -> usize {
        self.state().calls.len()
    }

    /// Waits until no call waits.
    pub(super) async fn drained(&self) {
        loop {
            let told = self.empty.notified();
            tokio::pin!(told);
            // Registered before looking, so that nothing is missed in between.
            told.as_mut().enable();
            if self.len() == 0 {
                return;
            }
            told.await;
        }
    }
}

/// The place of a call among those that wait; given back when it is dropped.
pub(super) struct Ticket {
    pub(super) id: i32,
    may_repeat: bool,
    receiver: oneshot::Receiver<Result<ReplyBody>>,
    pending: Arc<Pending>,
}

impl Ticket {
    /// The answer.
    ///
    /// # Errors
    /// What the connection ended with.
    pub(super) async fn answer(&mut self) -> Result<ReplyBody> {
        (&mut self.receiver).await.unwrap_or_else(|_| {
            Err(Error::Lost { reason: "the connection is gone".to_owned(), may_repeat: false })
        })
    }

    /// Gives the call up; whether it may be made again.
    pub(super) fn give_up(self) -> bool {
        // When it is there no more the answer has just come.
        let was_sent = self.pending.remove(self.id).is_none_or(|waiting| waiting.sent);
        !was_sent || self.may_repeat
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        drop(self.pending.remove(self.id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Encapsulation, Encoding};

    /// The answer may come when the time is over: the call was made, and is told as such.
    #[test]
    fn calls_that_are_given_up() {
        let pending = Arc::new(Pending::default());
        let answer = || Ok(ReplyBody::Ok(Encapsulation::empty(Encoding::V1_1)));
        for (is_sent, has_answer, may_repeat, expected) in [
            (false, false, false, true),
            (true, false, false, false),
            (true, false, true, true),
            (true, true, false, false),
            (true, true, true, true),
        ] {
            let ticket = pending.add(may_repeat).unwrap();
            if is_sent {
                assert!(pending.sent(ticket.id));
            }
            if has_answer {
                pending.answer(ticket.id, answer());
            }
            let case = (is_sent, has_answer, may_repeat);
            assert_eq!(pending.since().is_some(), is_sent && !has_answer, "{case:?}");
            assert_eq!(ticket.give_up(), expected, "{case:?}");
            assert_eq!((pending.len(), pending.since()), (0, None));
        }
    }
}
