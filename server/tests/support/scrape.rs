//! What a server counts of itself, by `/metrics`. That the page is well-formed is tested in `metrics/`; here one number
//! is looked up.

use std::net::SocketAddr;

use super::Server;

impl Server {
    /// The value of this sample, labels included.
    pub(crate) fn counted(&self, sample: &str) -> u64 {
        counted(self.address, sample)
    }
}

/// The value of this sample, labels included.
pub(crate) fn counted(address: SocketAddr, sample: &str) -> u64 {
    let answer = super::raw(address, b"GET /metrics HTTP/1.1\r\nHost: board\r\n\r\n");
    let value = answer.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("there is no {sample}: {answer}")).parse().expect("a whole number")
}

/// How often the server has hung up for this reason.
pub(crate) fn hung_up(address: SocketAddr, reason: &str) -> u64 {
    counted(address, &format!("snug_hangups_total{{reason=\"{reason}\"}}"))
}
