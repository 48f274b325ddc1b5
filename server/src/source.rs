//! What an event of the poll is about: the one place where tokens get their meaning.

use mio::Token;
use mio::event::Event;

/// Whose event it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A signal has come.
    Signals,
    /// Somebody is at this door.
    Listener(usize),
    /// A worker has answered.
    Bell,
    /// The connection in this slot.
    Conn(u32),
}

const FIRST_LISTENER: usize = 2;
const FIRST_CONN: usize = 64;

/// More doors than any machine has addresses worth naming.
pub(crate) const MAX_LISTENERS: usize = FIRST_CONN - FIRST_LISTENER;

impl Source {
    /// Its token. A listener's number is below [`MAX_LISTENERS`].
    pub(crate) fn token(self) -> Token {
        Token(match self {
            Self::Signals => 0,
            Self::Bell => 1,
            Self::Listener(index) => FIRST_LISTENER + index,
            Self::Conn(slot) => FIRST_CONN + slot as usize,
        })
    }
}

impl From<Token> for Source {
    fn from(token: Token) -> Self {
        match token.0 {
            0 => Self::Signals,
            1 => Self::Bell,
            listener @ FIRST_LISTENER..FIRST_CONN => Self::Listener(listener - FIRST_LISTENER),
            conn => Self::Conn(u32::try_from(conn - FIRST_CONN).unwrap_or(u32::MAX)),
        }
    }
}

/// What the poll tells of a source, or a script in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Happened {
    /// Of which. An event may be stale: the slot may have had another tenant when it arose.
    pub(crate) source: Source,
    /// There may be something to read.
    pub(crate) readable: bool,
    /// The kernel may take something again.
    pub(crate) writable: bool,
    /// Nothing comes behind what is there to read, or the socket is broken.
    pub(crate) ended: bool,
}

impl From<&Event> for Happened {
    fn from(event: &Event) -> Self {
        Self {
            source: Source::from(event.token()),
            readable: event.is_readable(),
            writable: event.is_writable(),
            ended: event.is_read_closed() || event.is_error(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let last = Source::Listener(MAX_LISTENERS - 1);
        for source in
            [Source::Signals, Source::Bell, Source::Listener(0), last, Source::Conn(0), Source::Conn(100_000)]
        {
            assert_eq!(Source::from(source.token()), source);
        }
    }
}
