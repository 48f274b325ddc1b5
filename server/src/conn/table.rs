//! Where the connections live: a slab indexed by token. Owns which slot is whose; must not know why.
//!
//! A slot is freed only in the turn's last phase, so an event that is still in the same batch cannot meet the slot's
//! next tenant. What crosses a thread or waits for the store carries the generation too.

use std::collections::BTreeMap;

use hub::input::ConnId;
use slab::Slab;

use super::addresses::Addresses;
use super::transport::Transport;
use super::{Conn, Held};
use crate::faults::{self, Fault};
use crate::thrift;

/// See the module's head.
#[derive(Debug, Default)]
pub struct Table {
    conns: Slab<Conn>,
    generation: u32,
    addresses: Addresses,
    dead: Vec<u32>,
    /// By slot: how much memory each of the few connections that hold some was last found to hold.
    charged: BTreeMap<u32, Held>,
    /// How many bytes of heads and messages that are not whole all connections hold.
    unfinished: usize,
    /// How many bytes wait for the kernel in all connections.
    unsent: usize,
}

impl Table {
    /// An empty table, whose connections come from these addresses, laid out for so many of them.
    #[must_use]
    pub fn new(addresses: Addresses, connections: usize) -> Self {
        Self { addresses, conns: Slab::with_capacity(connections), ..Self::default() }
    }

    /// Gives a connection a slot. `address` is where it comes from, [`protocol::http::UNIX`] for a Unix socket.
    pub fn insert(&mut self, transport: Transport, address: u128) -> u32 {
        let generation = self.generation;
        self.generation = generation.wrapping_add(u32::from(!faults::has(Fault::Tenant)));
        let address = self.addresses.enter(address);
        let count = self.conns.len();
        if count == self.conns.capacity() {
            self.conns.reserve_exact(thrift::steps(count));
        }
        // A process has far fewer descriptors than 2^32.
        u32::try_from(self.conns.insert(Conn::new(transport, generation, address))).unwrap_or(u32::MAX)
    }

    /// The connection in a slot, and its id.
    pub fn conn(&mut self, slot: u32) -> Option<(ConnId, &mut Conn)> {
        let conn = self.conns.get_mut(slot as usize)?;
        Some((ConnId { slot, generation: conn.generation }, conn))
    }

    /// The same, and all addresses: what it says of itself may give it another one.
    pub fn conn_and_addresses(&mut self, slot: u32) -> Option<(ConnId, &mut Conn, &mut Addresses)> {
        let conn = self.conns.get_mut(slot as usize)?;
        Some((ConnId { slot, generation: conn.generation }, conn, &mut self.addresses))
    }

    /// Where connections come from.
    #[must_use]
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// All slots that are taken.
    pub fn slots(&self) -> Vec<u32> {
        self.conns.iter().filter_map(|(slot, _)| u32::try_from(slot).ok()).collect()
    }

    /// How many connections there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.conns.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.conns.is_empty()
    }

    /// Looks again how much memory a connection holds.
    pub fn recharge(&mut self, slot: u32) {
        if let Some(conn) = self.conns.get(slot as usize) {
            self.charge(slot, conn.held());
        }
    }

    /// Counts a connection that is about to be freed as holding nothing.
    pub fn recharge_nothing(&mut self, slot: u32) {
        self.charge(slot, Held::default());
    }

    fn charge(&mut self, slot: u32, now: Held) {
        let before = match now {
            Held { unfinished: 0, unsent: 0 } => self.charged.remove(&slot),
            some => self.charged.insert(slot, some),
        };
        let before = before.unwrap_or_default();
        let sum = |sum: usize, now: u32, before: u32| (sum + now as usize).saturating_sub(before as usize);
        self.unfinished = sum(self.unfinished, now.unfinished, before.unfinished);
        self.unsent = sum(self.unsent, now.unsent, before.unsent);
    }

    /// How many bytes all connections hold beyond their places here, as of when each was last looked at.
    #[must_use]
    pub fn held(&self) -> usize {
        self.unfinished + self.unsent
    }

    /// How many of them wait for the kernel.
    #[must_use]
    pub fn unsent(&self) -> usize {
        self.unsent
    }

    /// The connection that has the most unsent, if any has.
    #[must_use]
    pub fn furthest_behind(&self) -> Option<u32> {
        let living = self.conns.iter().filter(|(_, conn)| !conn.dead && conn.unsent_len() > 0);
        let (slot, _) = living.max_by_key(|(_, conn)| conn.unsent_len())?;
        u32::try_from(slot).ok()
    }

    /// Puts a connection on the list of those to be freed.
    pub fn bury(&mut self, slot: u32) {
        if let Some(conn) = self.conns.get_mut(slot as usize) {
            if !std::mem::replace(&mut conn.dead, true) {
                self.dead.push(slot);
            }
        }
    }

    /// Takes one from that list.
    pub fn next_dead(&mut self) -> Option<u32> {
        self.dead.pop()
    }

    /// Frees a slot. The socket is closed, which also takes it out of the poll.
    pub fn free(&mut self, slot: u32) {
        let Some(conn) = self.conns.try_remove(slot as usize) else { return };
        self.recharge_nothing(slot);
        self.addresses.leave(conn.address);
    }
}
