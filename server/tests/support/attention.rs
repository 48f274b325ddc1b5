//! Listening over a network that may be dead: one frame after the other, and when nothing comes, a ping to see whether
//! anybody is there.

use std::io::{self, ErrorKind};
use std::time::Duration;

use super::peer::{CLOSE, PING, PONG, Peer, TEXT, frame};

/// So long nothing may come before we ask whether anybody is there, and so many times that before we give up.
pub(crate) const SILENCE: Duration = Duration::from_millis(60);
const SILENCES: u32 = 5;

/// How far the listening has come.
#[derive(Default)]
pub(crate) struct Attention {
    is_upgraded: bool,
    silences: u32,
}

pub(crate) enum Came {
    Text(Vec<u8>),
    /// The answer's head, or a frame that says nothing.
    Other,
    /// Not for now.
    Nothing,
}

impl Attention {
    /// What comes next, within [`SILENCE`] if the peer's reads take no longer. An error when the other side ends, or is
    /// silent for too long.
    pub(crate) fn listen(&mut self, peer: &mut Peer) -> io::Result<Came> {
        let came = match self.is_upgraded {
            false => peer.head().map(|_| None),
            true => peer.frame().map(Some),
        };
        let came = match came {
            Ok(None) => {
                self.is_upgraded = true;
                Came::Other
            }
            Ok(Some(got)) if got.opcode == TEXT => Came::Text(got.payload),
            Ok(Some(got)) if got.opcode == PING => {
                peer.send(&frame(0x80 | PONG, &got.payload))?;
                Came::Other
            }
            Ok(Some(got)) if got.opcode == CLOSE => return Err(ErrorKind::ConnectionAborted.into()),
            Ok(Some(_)) => Came::Other,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                self.silences += 1;
                if self.silences > SILENCES {
                    return Err(error);
                }
                if self.is_upgraded {
                    peer.send(&frame(0x80 | PING, b""))?;
                }
                return Ok(Came::Nothing);
            }
            Err(error) => return Err(error),
        };
        self.silences = 0;
        Ok(came)
    }
}
