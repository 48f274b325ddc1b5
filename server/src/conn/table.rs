//! Where the connections live: a slab indexed by token. Owns which slot is whose; must not know why.
//!
//! A slot is freed only in the turn's last phase, so an event that is still in the same batch cannot meet the slot's
//! next tenant. What crosses a thread or waits for the store carries the generation too.

use std::collections::HashMap;

use hub::input::ConnId;
use slab::Slab;

use super::Conn;
use super::transport::Transport;

/// See the module's head.
#[derive(Debug, Default)]
pub struct Table {
    conns: Slab<Conn>,
    generation: u32,
    /// How many connections each address has.
    addresses: HashMap<[u8; 16], u32>,
    dead: Vec<u32>,
}

impl Table {
    /// Gives a connection a slot.
    pub fn insert(&mut self, transport: Transport, address: u128) -> u32 {
        let generation = self.generation;
        self.generation = generation.wrapping_add(1);
        *self.addresses.entry(address.to_be_bytes()).or_default() += 1;
        // A process has far fewer descriptors than 2^32.
        u32::try_from(self.conns.insert(Conn::new(transport, generation, address))).unwrap_or(u32::MAX)
    }

    /// The connection in a slot, and its id.
    pub fn conn(&mut self, slot: u32) -> Option<(ConnId, &mut Conn)> {
        let conn = self.conns.get_mut(slot as usize)?;
        Some((ConnId { slot, generation: conn.generation }, conn))
    }

    /// How many connections an address has.
    #[must_use]
    pub fn from_address(&self, address: u128) -> u32 {
        self.addresses.get(&address.to_be_bytes()).copied().unwrap_or(0)
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
        if let Some(count) = self.addresses.get_mut(&conn.address) {
            *count -= 1;
            if *count == 0 {
                self.addresses.remove(&conn.address);
            }
        }
    }
}
