//! A disk that stalls for as long as it likes, as memory cards do (threat 37). Ticks wait for it, and those who send
//! without end are left unread; everything else goes on, and in the end nothing is lost or out of order.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use protocol::chat::id::Epoch;
use server::store::{Rhythm, Ring, Store};

use crate::support::disk::{Disk, Hand};
use crate::support::here::{RULES, patient, run_with};
use crate::support::peer::{PING, PONG, Peer, TEXT, frame, upgrade};
use crate::support::{PATIENCE, until};

const EPOCH: Epoch = Epoch([3; 8]);

/// How many letters the mailbox holds.
const DEPTH: usize = 64;

/// What the flood has to say.
const LINES: usize = 20_000;

#[test]
fn while_the_disk_stalls_everything_else_goes_on() {
    let hand = Arc::new(Hand::default());
    let board = board(&hand);
    let [mut ann, mut ben, mut flood] = ["ann", "ben", "flood"].map(|nick| guest(board, nick));
    let mut ticks = Peer::over(flood.stream.try_clone().expect("a second hand on it"));

    let stalled = hand.stall();
    say(&mut ann, r#"{"type":"say","room":"lab","id":"1","text":"is it stored?"}"#);
    let sender = std::thread::spawn(move || {
        for number in 0..LINES {
            // It blocks when it is not read any more, until the disk goes on.
            say(&mut flood, &format!(r#"{{"type":"say","room":"lab","id":"{number}","text":"{number}"}}"#));
        }
    });
    until("the flood is left unread", || number(board, "snug_paused_connections") == 1);
    let most = number(board, "snug_store_mail");
    // What one read of 64 KiB holds, at 57 bytes a frame and more, is all that a full mailbox is overdrawn by.
    let overdraft = 64 * 1024 / 57;
    assert!(most <= DEPTH + overdraft, "{most} letters wait, of {LINES}");

    // Everybody else: pings, questions, presence, new people. A hundred times over, in order.
    for round in 0..100_u32 {
        ann.send(&frame(0x80 | PING, &round.to_be_bytes())).expect("it reads");
        assert_eq!(next(&mut ann, PONG), round.to_be_bytes());
        say(&mut ann, r#"{"type":"typing","room":"lab"}"#);
        assert!(text(&mut ben).contains(r#""type":"typing""#));
        say(&mut ben, &format!(r#"{{"type":"who","room":"lab","id":"{round}"}}"#));
        let who = text(&mut ben);
        assert!(who.contains(r#""count":3"#) && who.contains(&format!(r#""id":"{round}""#)), "{who}");
    }
    let mut cara = stranger(board, "cara");
    say(&mut cara, r#"{"type":"nick","nick":"carla"}"#);
    assert!(text(&mut cara).contains(r#""nick":"carla""#));
    assert_eq!(number(board, "snug_persons"), 4);

    drop(stalled);
    let tick = text(&mut ann);
    assert!(tick.contains(r#""type":"stored""#) && tick.contains(r#""seq":1,"#), "{tick}");
    assert!(text(&mut ben).contains("is it stored?"));
    let ticked = std::thread::spawn(move || {
        for _ in 0..100 {
            assert!(text(&mut ticks).contains(r#""type":"typing""#));
        }
        assert!(text(&mut ticks).contains("is it stored?"));
        for number in 0..LINES {
            let (tick, id) = (text(&mut ticks), format!(r#""id":"{number}""#));
            assert!(tick.contains(r#""type":"stored""#) && tick.contains(&id), "{tick}, not {id}");
        }
    });
    for number in 0..LINES {
        let heard = text(&mut ben);
        let (seq, said) = (format!(r#""seq":{},"#, number + 2), format!(r#""text":"{number}""#));
        assert!(heard.contains(&seq) && heard.contains(&said), "{heard}, not {seq} {said}");
    }
    sender.join().expect("it could say it all");
    ticked.join().expect("each line is ticked, in order");
    println!("{LINES} lines into a stalled disk: at most {most} letters waited, of {DEPTH} and one read");
}

/// A server whose disk stalls while the lock is held.
pub(super) fn board(hand: &Arc<Hand>) -> SocketAddr {
    // It keeps all of it, for those who fall behind.
    let ring = Ring { entries: 2 * LINES, bytes: usize::MAX, total: usize::MAX };
    let disk = Disk::new(EPOCH, ring, hand);
    run_with(patient(), RULES, EPOCH, |bell| {
        Store::on_a_thread(disk, Rhythm::default(), bell).expect("a thread").with_depth(Some(DEPTH))
    })
}

fn stranger(board: SocketAddr, nick: &str) -> Peer {
    let mut peer = Peer::dial(board).expect("it accepts");
    peer.send(upgrade("/ws", true).as_bytes()).expect("it reads");
    peer.head().expect("it answers");
    say(&mut peer, &format!(r#"{{"type":"hello","nick":"{nick}"}}"#));
    assert!(text(&mut peer).contains(r#""type":"welcome""#));
    peer
}

pub(super) fn guest(board: SocketAddr, nick: &str) -> Peer {
    let mut peer = stranger(board, nick);
    say(&mut peer, r#"{"type":"join","room":"lab"}"#);
    assert!(text(&mut peer).contains(r#""type":"joined""#));
    peer
}

fn say(peer: &mut Peer, text: &str) {
    peer.send(&frame(0x80 | TEXT, text.as_bytes())).expect("it is sent at last");
}

/// The next text but presence, and the list of people that comes to whoever was behind.
pub(super) fn text(peer: &mut Peer) -> String {
    loop {
        let text = peer.text().expect("it speaks");
        let is_unasked = text.contains(r#""type":"who""#) && !text.contains(r#""id":"#);
        if !text.contains(r#""type":"presence""#) && !is_unasked {
            return text;
        }
    }
}

fn next(peer: &mut Peer, opcode: u8) -> Vec<u8> {
    loop {
        let frame = peer.frame().expect("it speaks");
        if frame.opcode == opcode {
            return frame.payload;
        }
        assert!(String::from_utf8_lossy(&frame.payload).contains(r#""type":"presence""#), "{frame:?}");
    }
}

/// One of the server's counters. That it answers shows that its loop goes round.
pub(super) fn number(board: SocketAddr, name: &str) -> usize {
    let mut stream = TcpStream::connect(board).expect("it accepts");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: board\r\n\r\n").expect("it reads");
    let mut page = String::new();
    stream.read_to_string(&mut page).expect("it answers");
    let value = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{name} is not in {page}"))
}
