//! What a connection may do, and for how long.

use std::{path::PathBuf, sync::Arc, time::Duration};

use tokio::{sync::Semaphore, time::Instant};

use super::{NoServants, Servant};
use crate::wire::{Compression, Limits};

/// How the certificate of a server is verified.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verification {
    /// By the authorities that this machine trusts.
    #[default]
    SystemRoots,
    /// By the authorities of a PEM file. A certificate that is in the file itself is trusted
    /// as it is, as the self-signed ones of OMERO must be: they are of an authority's kind,
    /// which else no server may show.
    CaFile(PathBuf),
    /// By the SHA-256 fingerprint of the certificate.
    Fingerprint([u8; 32]),
    /// By a file that remembers the fingerprint of each server when it is first met. A server
    /// that shows another one later is refused.
    FirstUse(PathBuf),
    /// Not at all: whoever is on the way can read and change everything.
    Insecure,
}

impl Verification {
    /// A fingerprint in hexadecimal digits, with or without colons between bytes, as it is or as
    /// `openssl x509 -noout -fingerprint -sha256` prints it.
    ///
    /// # Errors
    /// `Text` when it is none.
    pub fn fingerprint(text: &str) -> crate::Result<Self> {
        let lower = text.trim().to_ascii_lowercase();
        let names = ["sha256 fingerprint=", "sha256:"];
        let digits = names.iter().find_map(|name| lower.strip_prefix(name)).unwrap_or(&lower);
        let digits = digits.replace(':', "");
        let values: Vec<u32> = digits.chars().map_while(|letter| letter.to_digit(16)).collect();
        let n_letters = digits.chars().count();
        let bytes: Vec<u8> =
            values.chunks_exact(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect();
        match (<[u8; 32]>::try_from(bytes), n_letters) {
            (Ok(bytes), 64) => Ok(Self::Fingerprint(bytes)),
            _ => Err(crate::Error::Text {
                what: "fingerprint",
                text: text.to_owned(),
                problem: "it has 64 hexadecimal digits".to_owned(),
            }),
        }
    }
}

/// What a connection may do, and for how long.
#[derive(Clone)]
pub struct Options {
    /// How the certificate of a server is verified.
    pub verification: Verification,
    /// Limits on what is read.
    pub limits: Limits,
    /// How long it may take until the first message is there.
    pub connect_timeout: Duration,
    /// How long a call may take, if it does not say so itself.
    pub call_timeout: Option<Duration>,
    /// After how long without a message a heartbeat is sent; never with no time at all.
    pub heartbeat: Option<Duration>,
    /// After how long without a byte of the peer, while a call that was sent waits for its answer,
    /// the connection ends. A peer that hangs, or a network that has lost it, is else not found
    /// out as long as the system does not say so. That the peer takes bytes of a long call counts
    /// too; it must be longer than the peer, or its system, needs for what was handed to the
    /// network. Without it (the default), or with no time at all, a call may take any time:
    /// OMERO's routers send no heartbeats, so that one that works on a long call is as silent as
    /// one that hangs.
    pub peer_timeout: Option<Duration>,
    /// How many calls may wait for an answer, one at the least; more wait until they may be sent.
    pub calls_in_flight: usize,
    /// How many calls of the peer are worked on at a time, one at the least. More are not read
    /// until one is answered.
    pub dispatches: usize,
    /// How long [`close`](super::Client::close) waits for answers.
    pub close_timeout: Duration,
    /// Whether calls are compressed.
    pub compression: Compression,
    /// Who answers calls of the peer.
    pub servants: Arc<dyn Servant>,
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("verification", &self.verification)
            .field("limits", &self.limits)
            .field("connect_timeout", &self.connect_timeout)
            .field("call_timeout", &self.call_timeout)
            .field("heartbeat", &self.heartbeat)
            .field("peer_timeout", &self.peer_timeout)
            .field("calls_in_flight", &self.calls_in_flight)
            .field("dispatches", &self.dispatches)
            .field("close_timeout", &self.close_timeout)
            .field("compression", &self.compression)
            .finish_non_exhaustive()
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            verification: Verification::default(),
            limits: Limits::default(),
            connect_timeout: Duration::from_secs(15),
            call_timeout: None,
            heartbeat: Some(Duration::from_secs(60)),
            peer_timeout: None,
            calls_in_flight: 256,
            dispatches: 256,
            close_timeout: Duration::from_secs(5),
            compression: Compression::Never,
            servants: Arc::new(NoServants),
        }
    }
}

macro_rules! with {
    ($($(#[$doc:meta])* $with:ident $field:ident: $type:ty;)*) => {$(
        $(#[$doc])*
        #[must_use]
        pub fn $with(mut self, $field: $type) -> Self {
            self.$field = $field;
            self
        }
    )*};
}

impl Options {
    with! {
        /// Sets how the certificate of a server is verified.
        with_verification verification: Verification;
        /// Sets limits on what is read.
        with_limits limits: Limits;
        /// Sets how long it may take until the first message is there.
        with_connect_timeout connect_timeout: Duration;
        /// Sets how long a call may take.
        with_call_timeout call_timeout: Option<Duration>;
        /// Sets after how long without a message a heartbeat is sent.
        with_heartbeat heartbeat: Option<Duration>;
        /// Sets after how long without a byte of the peer the connection ends while a call waits.
        with_peer_timeout peer_timeout: Option<Duration>;
        /// Sets how many calls may wait for an answer.
        with_calls_in_flight calls_in_flight: usize;
        /// Sets how many calls of the peer are worked on at a time.
        with_dispatches dispatches: usize;
        /// Sets how long closing waits for answers.
        with_close_timeout close_timeout: Duration;
        /// Sets whether calls are compressed.
        with_compression compression: Compression;
        /// Sets who answers calls of the peer.
        with_servants servants: Arc<dyn Servant>;
    }
}

impl Options {
    /// With the nearest values that a connection can work with.
    pub(super) fn usable(mut self) -> Self {
        let some = |n: usize| n.clamp(1, Semaphore::MAX_PERMITS);
        self.calls_in_flight = some(self.calls_in_flight);
        self.dispatches = some(self.dispatches);
        self.connect_timeout = self.connect_timeout.min(LONGEST);
        self.heartbeat = self.heartbeat.filter(|time| !time.is_zero());
        self.peer_timeout = self.peer_timeout.filter(|time| !time.is_zero());
        self
    }
}

/// As good as for ever: more would be no time that a clock can have.
const LONGEST: Duration = Duration::from_secs(30 * 365 * 24 * 3600);

/// When a time that begins now is over.
pub(crate) fn deadline(after: Duration) -> Instant {
    Instant::now() + after.min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_in_words() {
        let plain = "00ff".repeat(16);
        let colons = vec!["00:FF"; 16].join(":");
        let expected = Verification::fingerprint(&plain).unwrap();
        assert_eq!(Verification::fingerprint(&colons).unwrap(), expected);
        for printed in ["SHA256:", "sha256 Fingerprint=", "SHA256 Fingerprint="] {
            let text = format!("{printed}{colons}\n");
            assert_eq!(Verification::fingerprint(&text).unwrap(), expected, "{text}");
        }
        for wrong in [
            "",
            "00",
            "sha1 Fingerprint=00",
            &plain[1..],
            &format!("{plain}0"),
            &plain.replace('f', "g"),
        ] {
            assert!(Verification::fingerprint(wrong).is_err(), "{wrong}");
        }
    }
}
