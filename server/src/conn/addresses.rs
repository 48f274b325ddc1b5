//! How many connections each address has, and who may speak for other addresses. Must not know connections.

use std::collections::HashMap;

use protocol::http::{Head, Proxies, Refusal, UNIX};

/// See the module's head. Addresses are numbers, by [`protocol::http::address_number`].
#[derive(Debug, Default)]
pub struct Addresses {
    /// How many each has. Proxies have none of their own, and neither has who calls by a Unix socket.
    counts: HashMap<[u8; 16], u32>,
    /// How many each may have; `None` for any number.
    limit: Option<u32>,
    proxies: Proxies,
}

impl Addresses {
    /// Nobody is there.
    #[must_use]
    pub fn new(limit: Option<u32>, proxies: Proxies) -> Self {
        Self { counts: HashMap::new(), limit, proxies }
    }

    /// Whether one more may come from this address.
    #[must_use]
    pub fn has_place(&self, address: u128) -> bool {
        self.limit.is_none_or(|limit| self.count(address) < limit)
    }

    /// One more comes from this address.
    pub fn enter(&mut self, address: u128) {
        if self.is_counted(address) {
            *self.counts.entry(address.to_be_bytes()).or_default() += 1;
        }
    }

    /// One from this address is gone, that was said to [`Addresses::enter`].
    pub fn leave(&mut self, address: u128) {
        if let Some(count) = self.counts.get_mut(&address.to_be_bytes()) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&address.to_be_bytes());
            }
        }
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
        self.counts.get(&address.to_be_bytes()).copied().unwrap_or(0)
    }

    fn is_counted(&self, address: u128) -> bool {
        address != UNIX && !self.proxies.trust(address)
    }
}
