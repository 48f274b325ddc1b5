//! Writing: what this turn has for a connection, behind what the kernel did not take in earlier turns. Owns the copy of
//! what is left over; must not know what the bytes mean.
//!
//! The usual case copies nothing: the pieces go to the kernel as they lie in the turn's logs. Only what it does not
//! take is copied, since the logs end with the turn, and the copy is freed when it is sent.

use std::io::{self, IoSlice};

use super::transport::Transport;

/// How many pieces go into one system call. 64 are 32 own messages in one turn of one room; who has more pieces needs
/// a second call, and loses nothing by it.
const PIECES: usize = 64;

/// What is left over; almost always nothing.
#[derive(Debug, Default)]
pub(super) struct Unsent {
    rest: Option<Box<Rest>>,
}

#[derive(Debug, Default)]
struct Rest {
    bytes: Vec<u8>,
    sent: usize,
    /// Goes behind all that ever comes before it.
    last_word: Vec<u8>,
    /// How many pings came since something was left over.
    pings: u32,
    /// The kernel takes no more; a writable edge will tell.
    blocked: bool,
}

impl Unsent {
    /// Writes as much as the kernel takes, which is added to `moved`, and keeps the rest.
    pub(super) fn write<'a>(
        &mut self,
        transport: &mut Transport,
        pieces: impl Iterator<Item = &'a [u8]>,
        moved: &mut u64,
    ) -> io::Result<()> {
        if self.rest.is_none() {
            self.write_pieces(transport, pieces, moved)?;
        } else {
            self.keep(pieces);
        }
        self.write_rest(transport, moved)
    }

    fn write_pieces<'a>(
        &mut self,
        transport: &mut Transport,
        pieces: impl Iterator<Item = &'a [u8]>,
        moved: &mut u64,
    ) -> io::Result<()> {
        let mut pieces = pieces.fuse();
        while self.rest.is_none() {
            let Some(first) = pieces.next() else { return Ok(()) };
            // One piece is the rule. A list of many took 400 of the 700 instructions that a reader's share took.
            let Some(second) = pieces.next() else {
                return self.write_slices(transport, &[IoSlice::new(first)], moved);
            };
            let mut slices = [IoSlice::new(&[]); PIECES];
            let mut count = 0;
            for (slice, piece) in slices.iter_mut().zip([first, second].into_iter().chain(&mut pieces)) {
                *slice = IoSlice::new(piece);
                count += 1;
            }
            self.write_slices(transport, slices.get(..count).unwrap_or_default(), moved)?;
        }
        self.keep(pieces);
        Ok(())
    }

    /// In one system call. What the kernel does not take is kept.
    fn write_slices(
        &mut self,
        transport: &mut Transport,
        slices: &[IoSlice<'_>],
        moved: &mut u64,
    ) -> io::Result<()> {
        let accepted = accepted(transport.write(slices), moved)?;
        let total: usize = slices.iter().map(|slice| slice.len()).sum();
        if accepted < total {
            self.keep(slices.iter().map(|slice| &**slice));
            let rest = self.rest.get_or_insert_default();
            (rest.sent, rest.blocked) = (accepted, true);
        }
        Ok(())
    }

    fn write_rest(&mut self, transport: &mut Transport, moved: &mut u64) -> io::Result<()> {
        while let Some(rest) = self.rest.as_mut().filter(|rest| !rest.blocked) {
            let unsent = rest.bytes.get(rest.sent..).unwrap_or_default();
            let length = unsent.len();
            let accepted = accepted(transport.write(&[IoSlice::new(unsent)]), moved)?;
            if accepted < length {
                rest.sent += accepted;
                rest.blocked = true;
            } else if !rest.last_word.is_empty() {
                rest.bytes = std::mem::take(&mut rest.last_word);
                rest.sent = 0;
            } else {
                self.rest = None;
            }
        }
        Ok(())
    }

    /// Copies pieces behind what is left over.
    pub(super) fn keep<'a>(&mut self, pieces: impl Iterator<Item = &'a [u8]>) {
        let mut pieces = pieces.peekable();
        if pieces.peek().is_none() {
            return;
        }
        let rest = self.rest.get_or_insert_default();
        // What was sent goes only when something comes behind it, so a long rest is not moved at every write.
        rest.bytes.drain(..rest.sent);
        rest.sent = 0;
        for piece in pieces {
            rest.bytes.extend_from_slice(piece);
        }
    }

    /// Keeps `bytes`, in place of those it was last called with, until all else is sent. Only to be called when
    /// something waits.
    pub(super) fn keep_for_the_end(&mut self, bytes: Vec<u8>) {
        self.rest.get_or_insert_default().last_word = bytes;
    }

    /// What was kept for the end is not said after all.
    pub(super) fn drop_last_word(&mut self) {
        if let Some(rest) = &mut self.rest {
            rest.last_word = Vec::new();
        }
    }

    /// Counts a ping, and says how many there were since something waits; none before this one, if nothing does.
    pub(super) fn count_ping(&mut self) -> u32 {
        let Some(rest) = &mut self.rest else { return 1 };
        rest.pings = rest.pings.saturating_add(1);
        rest.pings
    }

    /// How many bytes wait for the kernel.
    pub(super) fn len(&self) -> usize {
        self.rest.as_ref().map_or(0, |rest| rest.bytes.len() - rest.sent + rest.last_word.len())
    }

    /// The kernel takes bytes again.
    pub(super) fn unblock(&mut self) {
        if let Some(rest) = &mut self.rest {
            rest.blocked = false;
        }
    }
}

/// A kernel that would have us wait has taken nothing.
fn accepted(outcome: io::Result<usize>, moved: &mut u64) -> io::Result<usize> {
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
        Err(error) => Err(error),
        Ok(count) => {
            *moved += count as u64;
            Ok(count)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::{TcpListener, TcpStream};

    use super::*;

    fn pair() -> (Transport, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        near.set_nonblocking(true).unwrap();
        let (far, _) = listener.accept().unwrap();
        (Transport::Plain(mio::net::TcpStream::from_std(near)), far)
    }

    /// Numbers that show any byte that is lost, doubled or moved.
    fn stream(from: usize, length: usize) -> Vec<u8> {
        (from..from + length).map(|n| (n % 251) as u8).collect()
    }

    #[test]
    fn what_the_kernel_takes_leaves_nothing_behind() {
        let (mut near, mut far) = pair();
        let mut unsent = Unsent::default();
        // More pieces than go into one system call.
        let mut moved = 0;
        let all = stream(0, 200);
        unsent.write(&mut near, all.chunks(1), &mut moved).unwrap();
        assert_eq!(moved, 200);
        assert_eq!(unsent.len(), 0);
        assert!(unsent.rest.is_none(), "and no memory");
        let mut got = vec![0; 200];
        far.read_exact(&mut got).unwrap();
        assert_eq!(got, all);
    }

    /// The kernel takes what it likes, in many turns; the reader gets every byte once, in order.
    #[test]
    fn what_it_does_not_take_waits_in_order() {
        let (mut near, mut far) = pair();
        let mut unsent = Unsent::default();
        let mut said = 0;
        while unsent.len() == 0 {
            unsent.write(&mut near, stream(said, 300_000).chunks(1000), &mut 0).unwrap();
            said += 300_000;
        }
        unsent.keep_for_the_end(b"too early".to_vec());
        unsent.keep_for_the_end(stream(said + 5000, 100));
        unsent.write(&mut near, stream(said, 5000).chunks(700), &mut 0).unwrap();
        said += 5100;
        let reader = std::thread::spawn(move || {
            let mut got = Vec::new();
            far.read_to_end(&mut got).unwrap();
            got
        });
        while unsent.len() > 0 {
            unsent.unblock();
            unsent.write(&mut near, std::iter::empty(), &mut 0).unwrap();
            std::thread::yield_now();
        }
        assert!(unsent.rest.is_none(), "the copy is freed");
        near.finish();
        assert!(reader.join().unwrap() == stream(0, said), "every byte once, in order");
    }
    #[test]
    fn a_last_word_can_be_taken_back() {
        let (mut near, _far) = pair();
        let mut unsent = Unsent::default();
        while unsent.len() == 0 {
            unsent.write(&mut near, std::iter::once(&stream(0, 300_000)[..]), &mut 0).unwrap();
        }
        let waits = unsent.len();
        unsent.keep_for_the_end(b"pong".to_vec());
        assert_eq!(unsent.len(), waits + 4);
        unsent.drop_last_word();
        assert_eq!(unsent.len(), waits);
    }
}
