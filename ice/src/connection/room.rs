//! How many bytes of messages a connection keeps at a time.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::Notify;

/// Messages that are shorter are bounded well enough by how many there may be.
const SHORT: usize = 4 << 10;

/// Room for bytes. It is looked at before work begins of which nobody knows how much it will
/// take, so that the last that was begun may take more than there is.
pub(super) struct Room {
    n: AtomicUsize,
    most: usize,
    left: Notify,
}

/// Bytes that take room until it is dropped.
pub(super) struct Taken(Option<(Arc<Room>, usize)>);

impl Room {
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { n: AtomicUsize::new(0), most: most.max(1), left: Notify::new() })
    }

    pub(super) fn take(self: &Arc<Self>, n_bytes: usize) -> Taken {
        if n_bytes < SHORT {
            return Taken(None);
        }
        self.n.fetch_add(n_bytes, Ordering::SeqCst);
        Taken(Some((self.clone(), n_bytes)))
    }

    fn is_left(&self) -> bool {
        self.n.load(Ordering::SeqCst) < self.most
    }

    /// Waits until there is some.
    pub(super) async fn wait(&self) {
        while !self.is_left() {
            let told = self.left.notified();
            tokio::pin!(told);
            // Registered before looking, so that nothing is missed in between.
            told.as_mut().enable();
            if self.is_left() {
                return;
            }
            told.await;
        }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let Some((room, n_bytes)) = self.0.take() else { return };
        if room.n.fetch_sub(n_bytes, Ordering::SeqCst) >= room.most {
            room.left.notify_waiters();
        }
    }
}
