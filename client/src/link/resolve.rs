//! From a host's name to its addresses. Must not know what they are for.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread;

use mio::Waker;

use super::address::Address;

/// Where the answer will be.
pub(super) type Answer = Receiver<io::Result<Vec<SocketAddr>>>;

/// Asks the name service in a thread of its own: the system's resolver can only wait. Numbers need no asking, and
/// `localhost` is what RFC 6761 section 6.3 says it is.
pub(super) fn start(address: &Address, waker: &Arc<Waker>) -> io::Result<Answer> {
    let (sender, receiver) = mpsc::channel();
    let Address { host, port, .. } = address.clone();
    let known = match host.as_str() {
        "localhost" => {
            Some(vec![SocketAddr::from(([127, 0, 0, 1], port)), (Ipv6Addr::LOCALHOST, port).into()])
        }
        literal => literal.parse().ok().map(|ip: IpAddr| vec![(ip, port).into()]),
    };
    if let Some(addresses) = known {
        let _ = sender.send(Ok(addresses));
        return Ok(receiver);
    }
    let waker = Arc::clone(waker);
    thread::Builder::new().name("resolve".into()).spawn(move || {
        let found = (host.as_str(), port).to_socket_addrs().map(Iterator::collect);
        // If nobody waits for the answer any more, it is of no use.
        let _ = sender.send(found);
        let _ = waker.wake();
    })?;
    Ok(receiver)
}
