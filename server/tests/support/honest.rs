//! Honest people, who talk while others flood. What they get done is counted, and each answer is checked: it has to be
//! the next one. How long it took is printed, never judged.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::{Client, Server};

/// Says that it is over when it is dropped.
pub(crate) struct Over<'a>(pub(crate) &'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Two people in a room of their own. Each turn one says something; it gets the tick, and the other the words.
pub(crate) struct Pair {
    speakers: [Client; 2],
    room: String,
    turns: usize,
    times: Vec<Duration>,
}

impl Pair {
    pub(crate) fn new(server: &Server, room: &str) -> Self {
        Self::at(server.address, room)
    }

    pub(crate) fn at(address: SocketAddr, room: &str) -> Self {
        let person = |nick: &str| Client::v1_in(address, &format!("{nick}-{room}"), room);
        let speakers = [person("ann"), person("bea")];
        Self { speakers, room: room.to_owned(), turns: 0, times: Vec::new() }
    }

    /// So many turns. Nothing is lost, doubled or out of order, or this fails.
    pub(crate) fn talk(&mut self, turns: usize) {
        for _ in 0..turns {
            let begun = Instant::now();
            self.turns += 1;
            let (turn, room) = (self.turns, &self.room);
            let [ann, bea] = &mut self.speakers;
            let (speaker, listener) = if turn % 2 == 0 { (ann, bea) } else { (bea, ann) };
            speaker.say(&format!(r#"{{"type":"say","room":"{room}","id":"{turn}","text":"turn {turn}"}}"#));
            let heard = listener.event("message");
            assert_eq!((&heard["seq"], &heard["text"]), (&turn.into(), &format!("turn {turn}").into()));
            let tick = speaker.event("stored");
            assert_eq!((&tick["seq"], &tick["id"]), (&turn.into(), &turn.to_string().into()));
            self.times.push(begun.elapsed());
        }
    }

    /// Talks while `flood` runs, at least so many turns.
    pub(crate) fn talk_while<T>(&mut self, at_least: usize, flood: impl FnOnce() -> T) -> T {
        let (is_over, enough) = (AtomicBool::new(false), self.turns + at_least);
        std::thread::scope(|scope| {
            // Also when the flood fails, the talk has to end.
            let over = Over(&is_over);
            let talk = scope.spawn(|| {
                while self.turns < enough || !is_over.load(Ordering::Relaxed) {
                    self.talk(1);
                }
            });
            let outcome = flood();
            drop(over);
            talk.join().expect("nothing was lost");
            outcome
        })
    }

    pub(crate) fn turns(&self) -> usize {
        self.turns
    }

    /// For the reader of the test's output.
    pub(crate) fn report(&self) -> String {
        report(std::slice::from_ref(self))
    }
}

/// All of them together.
pub(crate) fn report(pairs: &[Pair]) -> String {
    let mut times: Vec<Duration> = pairs.iter().flat_map(|pair| &pair.times).copied().collect();
    times.sort_unstable();
    let at = |share: usize| times[(times.len() - 1) * share / 100];
    format!("{} turns of honest talk, median {:.1?}, 99 % within {:.1?}", times.len(), at(50), at(99))
}
