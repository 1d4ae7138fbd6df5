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
    /// When the first of them began to wait.
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
        if state.calls.is_empty() {
            state.since = Some(Instant::now());
        }
        state.calls.insert(id, Waiting { answer, sent: false, may_repeat });
        Ok(Ticket { id, receiver, pending: self.clone() })
    }

    /// A call is sent now. False when nobody waits for it any more.
    pub(super) fn sent(&self, id: i32) -> bool {
        let mut state = self.state();
        let found = state.calls.get_mut(&id);
        found.map(|waiting| waiting.sent = true).is_some()
    }

    /// Gives an answer to its call; answers that nobody waits for are dropped.
    pub(super) fn answer(&self, id: i32, answer: Result<ReplyBody>) {
        if let Some(waiting) = self.remove(id) {
            // The one who waits may just have gone.
            let _: std::result::Result<(), _> = waiting.answer.send(answer);
        }
    }

    /// Gives a call up; whether it may be made again.
    fn give_up(&self, id: i32) -> bool {
        // When it is there no more the answer has just come.
        self.remove(id).is_some_and(|waiting| !waiting.sent || waiting.may_repeat)
    }

    fn remove(&self, id: i32) -> Option<Waiting> {
        let mut state = self.state();
        let waiting = state.calls.remove(&id);
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

    /// Since when calls wait, if there are any.
    pub(super) fn since(&self) -> Option<Instant> {
        let state = self.state();
        state.since.filter(|_| !state.calls.is_empty())
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
        self.pending.give_up(self.id)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        drop(self.pending.remove(self.id));
    }
}
