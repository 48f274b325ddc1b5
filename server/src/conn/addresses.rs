//! How many connections each address has, and who may speak for other addresses. Must not know connections.
//!
//! An address has 16 bytes, and most have several connections: it is kept once, in a table, and found by an index of
//! its places there. A connection knows its place.

use std::hash::{BuildHasher as _, RandomState};

use hashbrown::HashTable;
use protocol::http::{Head, Proxies, Refusal, UNIX};

use crate::thrift;

/// See the module's head. Addresses are numbers, by [`protocol::http::address_number`].
#[derive(Debug, Default)]
pub struct Addresses {
    table: Vec<Entry>,
    /// Places in the table, by the hash of the address that lies there.
    index: HashTable<u32>,
    hasher: RandomState,
    /// The first place that is free; the others follow in the counts of the free.
    free: Option<u32>,
    /// How many each may have; `None` for any number.
    limit: Option<u32>,
    proxies: Proxies,
}

/// Where an address is, for as long as it has connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place(u32);

/// As bytes, which need no alignment.
#[derive(Clone, Copy, Debug)]
struct Entry {
    address: [u8; 16],
    /// How many it has. Of a free place: the next free one.
    count: u32,
}

const END: u32 = u32::MAX;

impl Addresses {
    /// Nobody is there.
    #[must_use]
    pub fn new(limit: Option<u32>, proxies: Proxies) -> Self {
        Self { limit, proxies, ..Self::default() }
    }

    /// Whether one more may come from this address. Proxies are not counted, and neither is who calls by a Unix socket.
    #[must_use]
    pub fn has_place(&self, address: u128) -> bool {
        let is_counted = || address != UNIX && !self.proxies.trust(address);
        self.limit.is_none_or(|limit| self.count(address) < limit || !is_counted())
    }

    /// One more comes from this address.
    pub fn enter(&mut self, address: u128) -> Place {
        let bytes = address.to_be_bytes();
        if let Some(place) = self.find(bytes) {
            self.table[place as usize].count += 1;
            return Place(place);
        }
        let entry = Entry { address: bytes, count: 1 };
        let place = match self.free.take() {
            Some(free) => {
                let next = std::mem::replace(&mut self.table[free as usize], entry).count;
                self.free = Some(next).filter(|next| *next != END);
                free
            }
            None => {
                let end = self.table.len();
                thrift::reach(&mut self.table, end, entry);
                // A process has far fewer descriptors than 2^32.
                u32::try_from(end).unwrap_or(END)
            }
        };
        let Self { table, index, hasher, .. } = self;
        let hash = |place: &u32| hasher.hash_one(table[*place as usize].address);
        index.insert_unique(hash(&place), place, hash);
        Place(place)
    }

    /// One that entered at this place is gone.
    pub fn leave(&mut self, Place(place): Place) {
        let Some(entry) = self.table.get_mut(place as usize) else { return };
        entry.count -= 1;
        if entry.count > 0 {
            return;
        }
        entry.count = self.free.replace(place).unwrap_or(END);
        let hash = self.hasher.hash_one(entry.address);
        if let Ok(found) = self.index.find_entry(hash, |other| *other == place) {
            found.remove();
        }
    }

    /// The address at a place.
    #[must_use]
    pub fn at(&self, Place(place): Place) -> u128 {
        self.table.get(place as usize).map_or(UNIX, |entry| u128::from_be_bytes(entry.address))
    }

    /// Whose address a connection has that comes from `address`, now that its head is known. What it says itself is
    /// only believed if it is a trusted proxy.
    ///
    /// # Errors
    /// What [`Proxies::caller`] refuses.
    pub fn caller(&self, address: u128, head: &Head<'_>) -> Result<u128, Refusal> {
        if !self.proxies.trust(address) {
            return Ok(address);
        }
        Ok(self.proxies.caller(head)?.unwrap_or(address))
    }

    fn count(&self, address: u128) -> u32 {
        self.find(address.to_be_bytes()).map_or(0, |place| self.table[place as usize].count)
    }

    fn find(&self, address: [u8; 16]) -> Option<u32> {
        let hash = self.hasher.hash_one(address);
        self.index.find(hash, |place| self.table[*place as usize].address == address).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_counted_until_its_last_connection_goes() {
        let mut addresses = Addresses::new(Some(2), Proxies::default());
        let (anna, bob) = (addresses.enter(1), addresses.enter(2));
        assert_eq!((addresses.at(anna), addresses.at(bob)), (1, 2));
        assert!(addresses.has_place(1));
        assert_eq!(addresses.enter(1), anna);
        assert!(!addresses.has_place(1) && addresses.has_place(2));
        addresses.leave(anna);
        assert!(addresses.has_place(1));
        addresses.leave(anna);
        addresses.leave(bob);
        // Their places are given again.
        let mut again = [addresses.enter(3).0, addresses.enter(4).0, addresses.enter(1).0];
        again.sort_unstable();
        assert_eq!(again, [0, 1, 2]);
        assert_eq!((addresses.count(1), addresses.count(2), addresses.count(3)), (1, 0, 1));
    }

    #[test]
    fn who_calls_by_a_file_is_not_counted() {
        let mut addresses = Addresses::new(Some(1), Proxies::default());
        addresses.enter(UNIX);
        addresses.enter(UNIX);
        assert!(addresses.has_place(UNIX));
    }
}
