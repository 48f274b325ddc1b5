//! The closing handshake (RFC 6455 sections 5.5.1, 7.1.1 to 7.1.4) as a state machine. Must not know bytes or time.
//!
//! ```text
//!            send()                      receive()
//!   Open ─────────────▶ Sent ──────────────────────────────▶ Done
//!     │                  the peer answers us: nothing owed     ▲
//!     └────────────────────────────────────────────────────────┘
//!       receive(): the peer began; we owe the echo, at once
//! ```
//!
//! 1. Each side sends one close frame, never two.
//! 2. Who has sent one sends nothing after it: no data, no ping, no pong.
//! 3. Who receives one and has not sent one answers with one, as soon as may be. We answer at once, so there is no
//!    state in which an answer is owed.
//! 4. Between our close frame and the peer's, what the peer still sends is read and ignored, as it may have been on
//!    its way; after the peer's close frame nothing is read at all.
//! 5. When both have passed, the handshake is done, and the server closes the socket first.

/// How far the closing handshake has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Closing {
    /// Nobody closes.
    #[default]
    Open,
    /// We sent a close frame and wait for the peer's.
    Sent,
    /// Both close frames have passed.
    Done,
}

/// What the peer's close frame asks of us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Reply {
    /// Send one back now, with the same code (section 5.5.1).
    Echo,
    /// It was the answer to ours.
    Nothing,
}

impl Closing {
    /// We want to close. True: send a close frame now. False: ours is already on its way.
    #[must_use]
    pub fn send(&mut self) -> bool {
        let open = *self == Self::Open;
        if open {
            *self = Self::Sent;
        }
        open
    }

    /// The peer's close frame arrived.
    pub fn receive(&mut self) -> Reply {
        let reply = if *self == Self::Open { Reply::Echo } else { Reply::Nothing };
        *self = Self::Done;
        reply
    }

    /// Whether any frame may still be sent.
    #[must_use]
    pub const fn may_send_data(self) -> bool {
        matches!(self, Self::Open)
    }

    /// Whether what arrives is to be ignored, close frames excepted.
    #[must_use]
    pub const fn ignores_data(self) -> bool {
        !matches!(self, Self::Open)
    }

    /// Whether the socket may be closed once all is written.
    #[must_use]
    pub const fn is_done(self) -> bool {
        matches!(self, Self::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peer_closes() {
        let mut closing = Closing::Open;
        assert!(closing.may_send_data() && !closing.ignores_data() && !closing.is_done());
        assert_eq!(closing.receive(), Reply::Echo);
        assert!(!closing.may_send_data() && closing.ignores_data() && closing.is_done());
        assert!(!closing.send(), "the echo was ours; there is never a second");
    }

    #[test]
    fn we_close() {
        let mut closing = Closing::Open;
        assert!(closing.send());
        assert!(!closing.send(), "never a second close frame");
        assert!(!closing.may_send_data() && closing.ignores_data() && !closing.is_done());
        assert_eq!(closing.receive(), Reply::Nothing);
        assert!(closing.is_done() && !closing.send());
    }

    #[test]
    fn both_close_at_once() {
        let (mut alice, mut bob) = (Closing::Open, Closing::Open);
        assert!(alice.send() && bob.send());
        assert_eq!((alice.receive(), bob.receive()), (Reply::Nothing, Reply::Nothing));
        assert!(alice.is_done() && bob.is_done());
    }

    #[test]
    fn a_closing_is_one_byte() {
        assert_eq!(size_of::<Closing>(), 1);
    }
}
