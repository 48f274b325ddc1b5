//! Posts into a disk that stalls (threat 37): `200` comes after it goes on and not before, who is gone is not waited for,
//! and everybody else goes on meanwhile.

use std::io::{ErrorKind, Read};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::stalled_store::{board, guest, number, text};
use crate::support::disk::Hand;
use crate::support::peer::Peer;
use crate::support::{PATIENCE, until};

/// How many posts wait, and how many of them give up.
const POSTS: usize = 40;
const GONE: usize = 10;

#[test]
fn a_post_is_answered_when_it_is_stored() {
    let hand = Arc::new(Hand::default());
    let board = board(&hand);
    let mut ann = guest(board, "ann");
    let stalled = hand.stall();
    let mut posts: Vec<Peer> = (0..POSTS).map(|post| dial(board, post)).collect();
    until("all posts are on the way to the disk", || number(board, "snug_store_mail") == POSTS);
    // Ann, herself, and the one that asks for the counters.
    assert_eq!(number(board, "snug_connections"), 1 + POSTS + 1);
    for gone in posts.drain(..GONE) {
        gone.reset();
    }
    until("those that are gone are not waited for", || {
        number(board, "snug_connections") == 1 + POSTS - GONE + 1
    });
    for round in 0..100 {
        ann.say(&format!(r#"{{"type":"who","room":"lab","id":"{round}"}}"#)).expect("it reads");
        let who = text(&mut ann);
        assert!(who.contains(r#""count":1"#) && who.contains(&format!(r#""id":"{round}""#)), "{who}");
    }
    for post in &mut posts {
        assert!(is_silent(post), "not before it is stored");
    }

    drop(stalled);
    let mut numbers: Vec<usize> = posts.iter_mut().map(answer).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), POSTS - GONE, "each its own number: {numbers:?}");
    assert!(numbers.iter().all(|number| (1..=POSTS).contains(number)));
    let mut heard: Vec<String> = (0..POSTS).map(|_| text(&mut ann)).collect();
    for (post, event) in heard.iter().enumerate() {
        assert!(event.contains(&format!(r#""seq":{},"#, post + 1)), "in order: {event}");
    }
    heard.retain(|event| (0..GONE).any(|post| event.contains(&format!(r#""nick":"nas{post}""#))));
    assert_eq!(heard.len(), GONE, "what was said by those who are gone is told");
    drop(posts);
    until("nothing is left", || number(board, "snug_connections") == 2);
}

fn dial(board: SocketAddr, post: usize) -> Peer {
    let mut peer = Peer::dial(board).expect("it accepts");
    let head = format!(
        "POST /rooms/lab?nick=nas{post} HTTP/1.1\r\nHost: board\r\nContent-Length: 9\r\n\r\ndisk full"
    );
    peer.send(head.as_bytes()).expect("it reads");
    peer
}

/// Nothing has come. Whatever was asked after it has been answered since.
fn is_silent(post: &mut Peer) -> bool {
    post.stream.set_read_timeout(Some(Duration::from_millis(1))).expect("a timeout");
    let read = post.stream.read(&mut [0]);
    post.stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    matches!(read, Err(error) if [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind()))
}

fn answer(post: &mut Peer) -> usize {
    let mut all = String::new();
    post.stream.read_to_string(&mut all).expect("it answers");
    assert!(all.starts_with("HTTP/1.1 200 OK\r\n"), "{all}");
    all.lines().last().and_then(|line| line.parse().ok()).unwrap_or_else(|| panic!("no number: {all}"))
}
