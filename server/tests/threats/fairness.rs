//! Who says much, beside those who say little. The loop reads each connection's share in turn, so a quiet one never waits
//! for more than one share of each loud one; a large room is told what is said there, and small ones are too.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::Server;
use crate::support::crowd::{Crowd, Heard};
use crate::support::honest::{Over, Pair, report};
use crate::support::peer::{PONG, Peer, frame, upgrade};

/// What the loop reads of one connection in one turn, at most: `SCRATCH` in `reactor.rs`.
const SHARE: usize = 64 * 1024;

/// What the server did in one turn, as its trace tells it.
#[derive(Debug, Default)]
struct Turn {
    /// Frames of the loud one that were read.
    loud: usize,
    /// Connections whose pings were read and not yet answered.
    owed: Vec<String>,
    /// Pings that were read and answered.
    answered: usize,
}

/// Reads the trace turn by turn.
fn turns(log: &str, loud: &str) -> Vec<Turn> {
    let mut turns = vec![Turn::default()];
    for line in log.lines() {
        let event = line.split_once(" trace ").map_or("", |(_, event)| event);
        if event.starts_with("turn at ") {
            turns.push(Turn::default());
        }
        let Some(turn) = turns.last_mut() else { continue };
        let Some((conn, what)) = event.split_once(": ") else { continue };
        if conn == loud && what.starts_with("pong, ") {
            turn.loud += 1;
        } else if what.starts_with("ping, ") {
            turn.owed.push(conn.to_owned());
        } else if what.starts_with("flushed, ") {
            let owed = turn.owed.len();
            turn.owed.retain(|other| other != conn);
            turn.answered += owed - turn.owed.len();
        }
    }
    turns
}

/// One sends as fast as the line takes it and may; a hundred ping now and then. In each turn the loud one is read once,
/// and whoever pings is answered in the turn its ping is read in.
#[test]
fn a_sender_at_line_rate_and_a_hundred_quiet_people() {
    const QUIET: usize = 100;
    let rounds = crate::size(100, 20);
    let server = Server::start(&["--max-rate", "0", "--max-connections-per-address", "0", "--log", "trace"]);
    let mut loud = server.stranger(); // the first, so it is connection 0
    let mut pair = Pair::new(&server, "kitchen");
    let mut quiet: Vec<Peer> = (0..QUIET).map(|_| server.stranger()).collect();
    // A pong that nobody asked for is read, counted, and never answered, so that nothing holds the sender back.
    let words = frame(0x8a, &[b'x'; 120]);
    let is_over = AtomicBool::new(false);
    let sent = std::thread::scope(|scope| {
        let over = Over(&is_over);
        let flood = scope.spawn(|| {
            let piece = words.repeat(2000);
            let mut sent = 0;
            while !is_over.load(Ordering::Relaxed) {
                loud.stream.write_all(&piece).expect("it is read to the end");
                sent += 2000;
            }
            sent
        });
        for round in 0..rounds as u32 {
            for (number, peer) in quiet.iter_mut().enumerate() {
                let payload = [round.to_be_bytes(), (number as u32).to_be_bytes()].concat();
                peer.send(&frame(0x89, &payload)).expect("it reads");
            }
            pair.talk(1);
            for (number, peer) in quiet.iter_mut().enumerate() {
                let pong = peer.frame().expect("it answers");
                let payload = [round.to_be_bytes(), (number as u32).to_be_bytes()].concat();
                assert_eq!((pong.opcode, pong.payload), (PONG, payload), "each is the next");
            }
        }
        drop(over);
        flood.join().expect("it only floods")
    });
    loud.say(r#"{"type":"hello"}"#).expect("it reads");
    assert!(loud.text().expect("it is there").starts_with(r#"{"type":"welcome""#), "all of it was read");

    let log = server.log();
    let turns = turns(&log, "conn 0");
    let read: usize = turns.iter().map(|turn| turn.loud).sum();
    let most = turns.iter().map(|turn| turn.loud).max().unwrap_or(0);
    let answered: usize = turns.iter().map(|turn| turn.answered).sum();
    println!(
        "{sent} frames at line rate in {} turns, at most {most} in one; {answered} pings answered; {}",
        turns.len(),
        pair.report()
    );
    assert_eq!(read, sent);
    assert!(most <= SHARE / words.len() + 1, "{most} frames of the loud one in one turn");
    assert_eq!(answered, QUIET * rounds);
    for turn in &turns {
        assert!(turn.owed.is_empty(), "a ping was read and not answered in its turn: {turn:?}");
    }
}

/// A thousand people in a room where much is said, a hundred rooms of two. Everybody is told everything, in order.
#[test]
fn a_room_of_a_thousand_and_a_hundred_of_two() {
    const FANS: usize = 1000;
    const SMALL: usize = 100;
    let rounds = crate::size(20, 3);
    let server = Server::start(&["--max-rate", "0", "--max-connections-per-address", "0"]);
    let mut stage = server.v1_in("singer", "stadium");
    let mut pairs: Vec<Pair> =
        (0..SMALL).map(|number| Pair::new(&server, &format!("table-{number}"))).collect();
    let mut fans = Crowd::new();
    let (mut joined, mut heard) = (0, vec![0_u64; FANS]);
    let mut listen = |fans: &mut Crowd| {
        fans.turn(|number, word, say| match word {
            Heard::Upgraded => {
                for request in [r#"{"type":"hello"}"#, r#"{"type":"join","room":"stadium"}"#] {
                    say.extend(frame(0x81, request.as_bytes()));
                }
            }
            Heard::Text(text) if text.starts_with(r#"{"type":"joined""#) => joined += 1,
            Heard::Text(text) if text.starts_with(r#"{"type":"message""#) => {
                heard[number] += 1;
                let next = format!(r#""seq":{},"#, heard[number]);
                assert!(text.contains(&next), "fan {number}: {next} does not come, but {text}");
            }
            Heard::Text(text) => {
                let known =
                    ["welcome", "presence"].iter().any(|kind| text.contains(&format!(r#""type":"{kind}""#)));
                assert!(known, "fan {number}: {text}");
            }
            end => panic!("fan {number}: {end:?}"),
        });
        (joined, heard.iter().copied().min().unwrap_or(0))
    };
    for number in 0..FANS {
        fans.dial(number, server.address, upgrade("/ws", true).into_bytes());
    }
    crate::support::until("all fans are in", || listen(&mut fans).0 == FANS);

    let before = server.counted("snug_turns_total");
    let is_over = AtomicBool::new(false);
    let songs = std::thread::scope(|scope| {
        let over = Over(&is_over);
        let song = scope.spawn(|| {
            let mut songs = 0_u64;
            while !is_over.load(Ordering::Relaxed) {
                songs += 1;
                stage.say(&format!(
                    r#"{{"type":"say","room":"stadium","id":"{songs}","text":"la la la {songs}"}}"#
                ));
                assert_eq!(stage.event("stored")["seq"], songs);
            }
            songs
        });
        let ears = scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                listen(&mut fans);
            }
        });
        for _ in 0..rounds {
            for pair in &mut pairs {
                pair.talk(1);
            }
        }
        drop(over);
        ears.join().expect("nothing is lost in the large room");
        song.join().expect("each song is stored")
    });
    crate::support::until("all fans have heard all", || listen(&mut fans).1 == songs);
    let turns = server.counted("snug_turns_total") - before;
    let told = server.counted("snug_deliveries_total{way=\"live\"}");
    println!(
        "{songs} songs told {FANS} fans, {told} deliveries in {turns} turns; at {SMALL} tables: {}",
        report(&pairs)
    );
    assert!(songs > 0 && told >= songs * FANS as u64);
    for pair in &pairs {
        assert_eq!(pair.turns(), rounds);
    }
}
