//! Honest people, who talk while others flood. What they get done is counted, and each answer is checked: it has to be
//! the next one. How long it took is printed, never judged.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::{Client, Server};

/// Two people in a room of their own. Each turn one says something; it gets the tick, and the other the words.
pub(crate) struct Pair {
    speakers: [Client; 2],
    room: String,
    turns: usize,
    times: Vec<Duration>,
}

impl Pair {
    pub(crate) fn new(server: &Server, room: &str) -> Self {
        let person = |nick: &str| server.v1_in(&format!("{nick}-{room}"), room);
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

    /// At least so many turns, and on as long as `flood` lasts.
    pub(crate) fn talk_during(&mut self, flood: &AtomicBool, at_least: usize) {
        let before = self.turns;
        while self.turns < before + at_least || flood.load(Ordering::Relaxed) {
            self.talk(1);
        }
    }

    pub(crate) fn turns(&self) -> usize {
        self.turns
    }

    /// For the reader of the test's output.
    pub(crate) fn report(&mut self) -> String {
        self.times.sort_unstable();
        let at = |share: usize| self.times[(self.times.len() - 1) * share / 100];
        format!("{} turns of honest talk, median {:.1?}, 99 % within {:.1?}", self.turns, at(50), at(99))
    }
}
