//! What came in on a connection: its request head, then its body or frames. Decodes and hands on; must not write to the socket nor
//! know what is said.

use hub::input::ConnId;
use log::{debug, trace};
use protocol::http::{BodyBuffer, CONTINUE, Head, Refusal};
use protocol::time::Millis;
use protocol::ws::encode::{self, Opcode};
use protocol::ws::{CloseFrame, Decoder, Reply, Step, Violation};

use super::addresses::Addresses;
use super::cause::Cause;
use super::outbox::Outbox;
use super::{Arriving, Conn, Desk, Manners, Message, Phase, Verdict, manners};
use crate::metrics::{Full, Outcome};

/// What came in one read.
#[derive(Clone, Copy, Debug, Default)]
struct Taken {
    /// Frames of every kind: fragments, control frames and empty ones cost as much as others.
    frames: u64,
    messages: u64,
}

/// What a connection has around it while it takes something in.
#[derive(Debug)]
pub struct Context<'a, D> {
    /// The time.
    pub now: Millis,
    /// What it is held to.
    pub manners: &'a Manners,
    /// Where connections come from.
    pub addresses: &'a mut Addresses,
    /// Who knows what messages mean.
    pub desk: &'a mut D,
    /// Where answers go.
    pub outbox: &'a mut Outbox,
}

impl Conn {
    /// Takes in what was read. True if a message was finished.
    pub fn receive<D: Desk>(
        &mut self,
        id: ConnId,
        mut input: &mut [u8],
        context: &mut Context<'_, D>,
    ) -> bool {
        if let Phase::Head(buffer) = &mut self.phase {
            match buffer.feed(&mut input, context.manners.head) {
                Ok(false) => return false,
                Ok(true) => self.judge_head(id, input.is_empty(), context),
                Err(refusal) => self.refuse(id, &refusal, context.outbox),
            }
        }
        // What the request itself has cost: a plain connection comes with its room.
        self.charge(0, context.now, context.manners, context.outbox);
        if let Phase::Body(request) = &mut self.phase {
            if request.body.feed(&mut input) {
                self.judge_body(id, context);
            }
        }
        let taken = self.receive_frames(id, input, context);
        context.outbox.metrics.frames += taken.frames;
        taken.messages > 0
    }

    /// Charges for frames, and for what they asked for.
    fn charge(&mut self, frames: u64, now: Millis, manners: &Manners, outbox: &mut Outbox) {
        let charged = outbox.take_charged();
        if let Some(pace) = manners.pace {
            pace.charge(&mut self.worked_off, now, frames.saturating_add(charged));
        }
    }

    /// `is_alone`: nothing has come behind the head.
    fn judge_head<D: Desk>(&mut self, id: ConnId, is_alone: bool, context: &mut Context<'_, D>) {
        let Phase::Head(buffer) = std::mem::replace(&mut self.phase, Phase::Draining) else { return };
        let head = match Head::collected(&buffer) {
            Ok(head) => head,
            Err(refusal) => return self.refuse(id, &refusal, context.outbox),
        };
        trace!("conn {}: {} {}", id.slot, head.method(), head.path());
        if let Err(refusal) = self.learn_address(&head, context.addresses) {
            return self.refuse(id, &refusal, context.outbox);
        }
        match context.desk.request(context.now, id, &head, context.outbox) {
            Verdict::Upgraded => {
                self.phase = Phase::Open(Decoder::new());
                self.known = true;
                context.outbox.metrics.outcomes.add(Outcome::Upgraded);
            }
            Verdict::Answered => {}
            Verdict::Waiting => self.wait_for_answer(),
            Verdict::Content => {
                let body = match BodyBuffer::declared(&head, context.manners.rules.message) {
                    Ok(body) => body,
                    Err(refusal) => return self.refuse(id, &refusal, context.outbox),
                };
                // Who has sent some of its body already does not wait to be asked for it.
                if is_alone && head.expects_continue() {
                    context.outbox.send(id.slot, |log| log.extend_from_slice(CONTINUE));
                }
                self.phase = Phase::Body(Box::new(Arriving { head: *buffer, body }));
            }
        }
    }

    /// The body is whole. What comes behind it is not looked at.
    fn judge_body<D: Desk>(&mut self, id: ConnId, context: &mut Context<'_, D>) {
        let Phase::Body(request) = std::mem::replace(&mut self.phase, Phase::Draining) else { return };
        // It was a good head before.
        let Ok(head) = Head::collected(&request.head) else { return };
        let body = request.body.bytes();
        if context.desk.content(context.now, id, &head, body, context.outbox) == Verdict::Waiting {
            self.wait_for_answer();
        }
    }

    fn wait_for_answer(&mut self) {
        self.phase = Phase::Waiting;
        self.known = true;
    }

    /// It has waited for its answer long enough.
    pub fn end_waiting<D: Desk>(&mut self, now: Millis, id: ConnId, desk: &mut D, outbox: &mut Outbox) {
        self.tell_closed(now, id, desk, outbox);
        self.refuse(id, &Refusal::NoAnswer, outbox);
    }

    /// Who comes through a trusted proxy has the address that the proxy says, and is counted under it from now on.
    fn learn_address(&mut self, head: &Head<'_>, addresses: &mut Addresses) -> Result<(), Refusal> {
        let here = addresses.at(self.address);
        let caller = addresses.caller(here, head)?;
        if caller == here {
            return Ok(());
        }
        if !addresses.has_place(caller) {
            return Err(Refusal::Full);
        }
        let place = addresses.enter(caller);
        addresses.leave(std::mem::replace(&mut self.address, place));
        Ok(())
    }

    fn refuse(&mut self, id: ConnId, refusal: &Refusal, outbox: &mut Outbox) {
        debug!("conn {}: refused with {}: {refusal}", id.slot, refusal.status());
        match refusal {
            // Only now is it known where it comes from; for whoever counts, it was at the door.
            Refusal::Full => outbox.metrics.turned_away(Full::Address, refusal.status()),
            _ => outbox.metrics.refused(refusal.status()),
        }
        outbox.send(id.slot, |log| refusal.respond(log));
        self.phase = Phase::Draining;
    }

    /// Decodes and hands on, until the credit is used up or there is enough to say; the rest is kept. What comes after a
    /// close is not looked at.
    fn receive_frames<D: Desk>(
        &mut self,
        id: ConnId,
        mut input: &mut [u8],
        context: &mut Context<'_, D>,
    ) -> Taken {
        let Context { now, manners, desk, outbox, .. } = context;
        let mut taken = Taken::default();
        loop {
            // Always one frame, so that everybody comes to be heard.
            if taken.frames > 0 && (outbox.is_full() || self.must_wait(*now, manners).is_some()) {
                self.keep_unread(input);
                return taken;
            }
            let Phase::Open(decoder) = &mut self.phase else { return taken };
            let before = taken.frames;
            let step = match decoder.next_counted(&manners.rules, &mut input, &mut taken.frames) {
                Ok(Some(step)) => step,
                Ok(None) => {
                    self.charge(taken.frames - before, *now, manners, outbox);
                    return taken;
                }
                Err(violation) => {
                    self.violated(*now, id, violation, *desk, outbox);
                    return taken;
                }
            };
            taken.messages += u64::from(matches!(step, Step::Text(_) | Step::Binary(_)));
            if let Step::Close(frame) = &step {
                trace!("conn {}: close received, {:?}", id.slot, frame.as_ref().map(|frame| frame.code));
                self.receive_close(*now, id, frame.as_ref(), *desk, outbox);
                return taken;
            }
            if self.closing.ignores_data() {
                continue;
            }
            trace!("conn {}: {}", id.slot, describe(&step));
            match step {
                Step::Text(text) => desk.message(*now, id, Message::Text(&text), outbox),
                Step::Binary(bytes) => desk.message(*now, id, Message::Binary(&bytes), outbox),
                Step::Ping(payload) => self.pong(id, &payload, outbox),
                Step::Pong(_) | Step::Close(_) => {}
            }
            self.charge(taken.frames - before, *now, manners, outbox);
        }
    }

    /// Before whatever was left earlier, and is still not looked at.
    fn keep_unread(&mut self, input: &[u8]) {
        if input.is_empty() {
            return;
        }
        let mut unread = input.to_vec();
        unread.extend(self.unread.take().into_iter().flat_map(|later| *later));
        self.unread = Some(Box::new(unread));
    }

    /// Answers a ping, unless the peer does not read the answers: then only the latest, when it reads again.
    fn pong(&mut self, id: ConnId, payload: &[u8], outbox: &mut Outbox) {
        let unread = self.unsent.count_ping();
        if unread <= manners::MAX_PONGS_KEPT {
            outbox.send(id.slot, |log| encode::frame(Opcode::Pong, payload, log));
        } else if unread <= manners::MAX_PINGS_UNREAD {
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
