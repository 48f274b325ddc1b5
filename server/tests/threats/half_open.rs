//! Connections whose other end is gone without a word: a cable that was pulled, a router that forgot, a laptop that
//! sleeps. They look like people who say nothing, so they are asked; what they held is freed.

use protocol::time::Span;
use server::conn::deadlines::Patience;

use crate::support::chaos::{Proxy, Weather};
use crate::support::honest::Pair;
use crate::support::peer::{Peer, frame, upgrade};
use crate::support::scrape::{counted, hung_up};
use crate::support::{Client, here, until};

/// Scaled down: as 30 s and 45 s in earnest.
fn scaled() -> Patience {
    Patience { idle: Span(200), pong: Span(2000), ..here::patient() }
}

#[test]
fn who_is_behind_a_cut_cable_is_found_by_ping() {
    const LOST: usize = 20;
    let address = here::run(scaled(), here::RULES);
    let proxy = Proxy::start(address, |_| Weather::default());
    let mut pair = Pair::at(address, "kitchen");
    let mut witness = Client::v1_in(address, "witness", "hall");
    let before = counted(address, "snug_connections");
    let lost: Vec<Client> =
        (0..LOST).map(|number| Client::v1_in(proxy.address, &format!("lost-{number}"), "hall")).collect();
    assert_eq!(counted(address, "snug_connections"), before + LOST as u64);

    proxy.darken();
    let mut gone = Vec::new();
    pair.talk_while(100, || {
        while gone.len() < LOST {
            // To read is to answer one's own pings.
            let presence = witness.event("presence");
            for person in presence["left"].as_array().into_iter().flatten() {
                gone.push(person["nick"].as_str().expect("a nick").to_owned());
            }
        }
    });
    gone.sort();
    let mut nicks: Vec<String> = (0..LOST).map(|number| format!("lost-{number}")).collect();
    nicks.sort();
    assert_eq!(gone, nicks, "each is said to have left, once");
    assert_eq!(counted(address, "snug_connections"), before, "their slots are free");
    assert_eq!(counted(address, "snug_unsent_bytes"), 0);
    assert_eq!(hung_up(address, "no-pong"), LOST as u64);
    println!("{LOST} half-open connections found; {}", pair.report());
    // Their names are free too.
    Client::v1_in(address, "lost-0", "hall");
    drop(lost);
}

/// What waits for somebody who is gone goes with the connection, however much it is.
#[test]
fn what_waited_for_it_is_freed() {
    let address = here::run(scaled(), here::RULES);
    let mut pair = Pair::at(address, "kitchen");
    let before = counted(address, "snug_connections");
    let mut gone = Peer::narrow(address).expect("it accepts");
    let mut first = upgrade("/ws", true).into_bytes();
    first.extend(frame(0x81, br#"{"type":"hello","nick":"gone"}"#));
    first.extend(frame(0x81, br#"{"type":"join","room":"hall"}"#));
    gone.send(&first).expect("it reads");
    gone.head().expect("it answers");

    let mut author = Client::v1_in(address, "author", "hall");
    let long = "z".repeat(10_000);
    let mut said = 0;
    // It neither reads nor answers: as its window is shut, so it is on a link that is dead.
    while counted(address, "snug_unsent_bytes") < 100_000 {
        said += 1;
        author.say(&format!(r#"{{"type":"say","room":"hall","id":"{said}","text":"{long}"}}"#));
        author.event("stored");
        assert!(said < 5000, "nothing ever waits for it");
    }
    drop(author);
    pair.talk_while(100, || {
        until("it is found", || hung_up(address, "no-pong") == 1);
        until("what waited is freed", || counted(address, "snug_unsent_bytes") == 0);
        until("its slot is free", || counted(address, "snug_connections") == before);
    });
    println!("found with 100,000 bytes waiting, after {said} entries; {}", pair.report());
}
