//! Who comes in: within the limits they get a slot and a deadline, beyond them an answer and nothing else.

use std::io::IoSlice;

use log::{debug, warn};
use protocol::http::{Refusal, UNIX, address_number};
use protocol::time::Millis;

use super::{Reactor, Settings};
use crate::conn::Desk;
use crate::conn::deadlines::Deadline;
use crate::conn::transport::Transport;
use crate::listeners::Caller;
use crate::metrics::Full;
use crate::source::Source;

impl<D: Desk> Reactor<D> {
    pub(super) fn greet(&mut self, now: Millis, caller: Caller) {
        let (mut transport, address) = match caller {
            Caller::Tcp(stream, ip) => (Transport::Plain(stream), address_number(ip)),
            Caller::Unix(stream) => (Transport::Unix(stream), UNIX),
            #[cfg(any(test, feature = "scripted"))]
            Caller::Fake(socket, ip) => (Transport::Fake(socket), address_number(ip)),
        };
        if let Err(full) = self.judge(address) {
            debug!("turned a connection away, by the limit of {full}");
            let mut answer = Vec::new();
            Refusal::Full.respond(&mut answer);
            self.outbox.metrics.turned_away(full, Refusal::Full.status());
            // One small write into an empty buffer; whether it arrives does not matter.
            let sent = transport.write(&[IoSlice::new(&answer)]).unwrap_or(0);
            self.outbox.metrics.sent += sent as u64;
            return;
        }
        let slot = self.table.insert(transport, address);
        let Some((_, conn)) = self.table.conn(slot) else { return };
        if let Err(error) = conn.register(self.poll.registry(), Source::Conn(slot).token()) {
            warn!("cannot watch a new connection: {error}");
            self.table.bury(slot);
            return;
        }
        debug!("conn {slot}: accepted");
        // So that whoever asks in this turn is among those who are there.
        self.outbox.metrics.levels.connections = self.table.len();
        self.deadlines.set(slot, Deadline::Handshake, now);
    }

    /// Whether one more may come in, or why not.
    fn judge(&self, address: u128) -> Result<(), Full> {
        let Settings { connections, memory, .. } = self.settings;
        if !self.table.addresses().has_place(address) {
            return Err(Full::Address);
        }
        if connections.is_some_and(|limit| self.table.len() >= limit as usize) {
            return Err(Full::Connections);
        }
        if memory.is_some_and(|limit| self.held() > limit / 10 * 8) {
            return Err(Full::Memory);
        }
        Ok(())
    }

    /// How many bytes everything that grows takes.
    pub(super) fn held(&self) -> usize {
        self.table.held() + self.desk.held()
    }
}
