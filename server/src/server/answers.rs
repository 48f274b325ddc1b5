//! What the store has answered: it goes to the hub, or to whoever posted or reads without a WebSocket. Must not know who
//! is in which room.

use hub::input::Input;

use super::Server;
use crate::conn::outbox::Outbox;
use crate::metrics::Stored;
use crate::store::Answer;

impl Server {
    /// What the hub is told of an answer of the store; nothing, if it is for somebody without a WebSocket, or for nobody.
    pub(super) fn take_in(
        &mut self,
        answer: Answer,
        posted: u64,
        outbox: &mut Outbox,
    ) -> Option<Input<'static>> {
        match answer {
            Answer::Applied(mut applied) => {
                let kind = applied.entry.kind;
                let outcome = if applied.dup { Stored::Before } else { Stored::New(kind) };
                outbox.metrics.stored(posted, outcome);
                if self.posts.stored(&applied, outbox) {
                    applied.origin = None;
                }
                Some(Input::Applied(applied))
            }
            Answer::Recalled(recalled) => {
                let is_answered = self.posts.found(&recalled, outbox);
                (!is_answered).then_some(Input::Recalled(recalled))
            }
            Answer::Refused { conn, id, reason } => {
                outbox.metrics.stored(posted, Stored::Refused);
                let conn = conn?;
                let is_answered = self.posts.unstored(conn, reason, outbox);
                (!is_answered).then_some(Input::Refused { conn, id, reason })
            }
            Answer::Unknown { conn } => {
                outbox.metrics.stored(posted, Stored::Unknown);
                let conn = conn?;
                let is_answered = self.posts.unknown(conn, outbox);
                (!is_answered).then_some(Input::Unknown { conn })
            }
            Answer::Late(applied) => Some(Input::Applied(applied)),
            Answer::NewEpoch(epoch) => Some(Input::NewEpoch { epoch }),
        }
    }
}
