//! A network that breaks: a proxy on loopback that ends a link after a number of bytes, not after a time.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use super::wire::Cut;

/// It takes links for as long as the test program runs; they end with either side of them.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    links: Arc<AtomicUsize>,
}

impl Proxy {
    /// Between whoever comes and `server`. The first links break as `cuts` says, the others do not.
    pub(crate) fn start(server: String, cuts: Vec<Cut>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let links = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&links);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(&server) else { continue };
                let cut = cuts.get(count.fetch_add(1, Ordering::Relaxed)).copied();
                open(client, server, cut);
            }
        });
        Self { address, links }
    }

    /// How many links there were.
    pub(crate) fn links(&self) -> usize {
        self.links.load(Ordering::Relaxed)
    }
}

fn open(client: TcpStream, server: TcpStream, cut: Option<Cut>) {
    let link = Arc::new((client, server, AtomicBool::new(false)));
    for upwards in [true, false] {
        let link = Arc::clone(&link);
        let limit = cut.filter(|cut| cut.upwards == upwards).map_or(usize::MAX, |cut| cut.after);
        thread::spawn(move || {
            let (client, server, is_over) = &*link;
            match upwards {
                true => pass(client, server, limit, is_over),
                false => pass(server, client, limit, is_over),
            }
            // Whichever way it ended, it has ended both ways.
            is_over.store(true, Ordering::Relaxed);
            for stream in [client, server] {
                let _ = stream.shutdown(Shutdown::Both);
            }
        });
    }
}

/// Passes on at most so many bytes.
fn pass(mut from: &TcpStream, mut to: &TcpStream, mut left: usize, is_over: &AtomicBool) {
    let mut buffer = [0; 4096];
    while left > 0 && !is_over.load(Ordering::Relaxed) {
        let room = left.min(buffer.len());
        match from.read(&mut buffer[..room]) {
            Ok(0) | Err(_) => return,
            Ok(count) => {
                left -= count;
                if to.write_all(&buffer[..count]).is_err() {
                    return;
                }
            }
        }
    }
}
