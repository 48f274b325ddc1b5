//! What came in on a connection: its request head, then frames. Decodes and hands on; must not write to the socket nor
//! know what is said.

use hub::input::ConnId;
use log::{debug, trace};
use protocol::http::{Head, Refusal};
use protocol::time::Millis;
use protocol::ws::encode::{self, Opcode};
use protocol::ws::{CloseFrame, Decoder, Reply, Step, Violation};

use super::cause::Cause;
use super::outbox::Outbox;
use super::{Conn, Desk, Manners, Message, Phase, Verdict, manners};
use crate::metrics::Outcome;

/// What came in one read.
#[derive(Clone, Copy, Debug, Default)]
struct Taken {
    /// Frames of every kind: fragments, control frames and empty ones cost as much as others.
    frames: u64,
    messages: u64,
}

impl Conn {
    /// Takes in what was read. True if a message was finished.
    pub fn receive<D: Desk>(
        &mut self,
        now: Millis,
        id: ConnId,
        mut input: &mut [u8],
        manners: &Manners,
        desk: &mut D,
        outbox: &mut Outbox,
    ) -> bool {
        if let Phase::Head(buffer) = &mut self.phase {
            match buffer.feed(&mut input) {
                Ok(false) => return false,
                Ok(true) => self.judge_head(now, id, desk, outbox),
                Err(refusal) => self.refuse(id, &refusal, outbox),
            }
        }
        let taken = self.receive_frames(now, id, input, manners, desk, outbox);
        outbox.metrics.frames += taken.frames;
        if let Some(pace) = manners.pace {
            pace.charge(&mut self.worked_off, now, taken.frames);
        }
        taken.messages > 0
    }

    fn judge_head<D: Desk>(&mut self, now: Millis, id: ConnId, desk: &mut D, outbox: &mut Outbox) {
        let Phase::Head(buffer) = std::mem::replace(&mut self.phase, Phase::Draining) else { return };
        let head = match Head::parse(buffer.bytes()) {
            Ok(head) => head,
            Err(refusal) => return self.refuse(id, &refusal, outbox),
        };
        trace!("conn {}: {} {}", id.slot, head.method(), head.path());
        if desk.request(now, id, &head, outbox) == Verdict::Upgraded {
            self.phase = Phase::Open(Decoder::new());
            self.known = true;
            outbox.metrics.outcomes.add(Outcome::Upgraded);
        }
    }

    fn refuse(&mut self, id: ConnId, refusal: &Refusal, outbox: &mut Outbox) {
        debug!("conn {}: refused with {}: {refusal}", id.slot, refusal.status());
        outbox.metrics.refused(refusal.status());
        outbox.send(id.slot, |log| refusal.respond(log));
        self.phase = Phase::Draining;
    }

    /// Decodes and hands on. What comes after a close is not looked at.
    fn receive_frames<D: Desk>(
        &mut self,
        now: Millis,
        id: ConnId,
        mut input: &mut [u8],
        manners: &Manners,
        desk: &mut D,
        outbox: &mut Outbox,
    ) -> Taken {
        let mut taken = Taken::default();
        loop {
            let Phase::Open(decoder) = &mut self.phase else { return taken };
            let step = match decoder.next_counted(&manners.rules, &mut input, &mut taken.frames) {
                Ok(Some(step)) => step,
                Ok(None) => return taken,
                Err(violation) => {
                    self.violated(now, id, violation, desk, outbox);
                    return taken;
                }
            };
            taken.messages += u64::from(matches!(step, Step::Text(_) | Step::Binary(_)));
            if let Step::Close(frame) = &step {
                trace!("conn {}: close received, {:?}", id.slot, frame.as_ref().map(|frame| frame.code));
                self.receive_close(now, id, frame.as_ref(), desk, outbox);
                return taken;
            }
            if self.closing.ignores_data() {
                continue;
            }
            trace!("conn {}: {}", id.slot, describe(&step));
            match step {
                Step::Text(text) => desk.message(now, id, Message::Text(&text), outbox),
                Step::Binary(bytes) => desk.message(now, id, Message::Binary(&bytes), outbox),
                Step::Ping(payload) => self.pong(id, &payload, outbox),
                Step::Pong(_) | Step::Close(_) => {}
            }
        }
    }

    /// Answers a ping, unless the peer does not read the answers: then only the latest, when it reads again.
    fn pong(&mut self, id: ConnId, payload: &[u8], outbox: &mut Outbox) {
        if self.unsent.len() == 0 {
            self.pings = 0;
        }
        self.pings += 1;
        if self.unsent.len() == 0 || self.pings <= manners::MAX_PONGS_KEPT {
            outbox.send(id.slot, |log| encode::frame(Opcode::Pong, payload, log));
        } else if self.pings <= manners::MAX_PINGS_UNREAD {
            let mut frame = Vec::new();
            encode::frame(Opcode::Pong, payload, &mut frame);
            self.unsent.keep_for_the_end(frame);
        } else {
            outbox.hang_up(id.slot, Cause::TooManyPings);
        }
    }

    fn violated<D: Desk>(
        &mut self,
        now: Millis,
        id: ConnId,
        violation: Violation,
        desk: &mut D,
        outbox: &mut Outbox,
    ) {
        debug!("conn {}: hung up on: {violation}", id.slot);
        self.send_close(now, id, Cause::Violation(violation), desk, outbox);
        self.phase = Phase::Draining;
    }

    fn receive_close<D: Desk>(
        &mut self,
        now: Millis,
        id: ConnId,
        frame: Option<&CloseFrame<'_>>,
        desk: &mut D,
        outbox: &mut Outbox,
    ) {
        self.tell_closed(now, id, desk, outbox);
        if self.closing.receive() == Reply::Echo {
            self.unsent.drop_last_word();
            outbox.send(id.slot, |log| encode::close_reply(frame, log));
        }
        self.phase = Phase::Draining;
        // Also if nothing is left to say: the flush sees that both close frames have passed.
        outbox.mark(id.slot);
    }
}

/// A frame for the log: what it is and how long, never what it says.
fn describe(step: &Step<'_>) -> String {
    match step {
        Step::Text(text) => format!("text, {} bytes", text.len()),
        Step::Binary(bytes) => format!("binary, {} bytes", bytes.len()),
        Step::Ping(bytes) => format!("ping, {} bytes", bytes.len()),
        Step::Pong(bytes) => format!("pong, {} bytes", bytes.len()),
        Step::Close(_) => "close".to_owned(),
    }
}
