//! Limits that a flag sets: what is held to them, what happens beyond, and that 0 lifts them. Those that floods have to
//! meet are in `threats/`, the rest of the usual ones in `conduct.rs`.

mod support;

use std::io::Write;
use std::net::TcpStream;

use protocol::chat::event::Durability;
use protocol::chat::id::Epoch;
use protocol::http::Proxies;
use protocol::limits::MAX_HEAD;
use protocol::time::Millis;
use protocol::upgrade::Origins;
use server::conn::addresses::Addresses;
use server::conn::outbox::Outbox;
use server::conn::table::Table;
use server::conn::transport::Transport;
use server::conn::{Context, Desk, MAX_UNSENT, Manners, Pace};
use server::store::{Memory, Ring, Store};
use support::here::RULES;
use support::peer::{Peer, frame, upgrade};
use support::{Server, upgrade_request};

const PROXIED: &str = "GET /healthz HTTP/1.1\r\nHost: board\r\nX-Forwarded-For: ";

/// The status of the answer to a request that says for whom it is asked.
fn asked_for(peer: &mut Peer, who: &str) -> u16 {
    peer.send(format!("{PROXIED}{who}\r\n\r\n").as_bytes()).expect("it reads");
    status(peer)
}

fn status(peer: &mut Peer) -> u16 {
    let head = peer.head().expect("it answers");
    head.get(9..12).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("no status: {head}"))
}

/// Somebody who comes through a proxy and stays.
fn stays(server: &Server, who: &str) -> (u16, Peer) {
    let mut peer = server.dial();
    let request = upgrade("/ws", true).replace("\r\n\r\n", &format!("\r\nX-Forwarded-For: {who}\r\n\r\n"));
    peer.send(request.as_bytes()).expect("it reads");
    (status(&mut peer), peer)
}

#[test]
fn behind_a_trusted_proxy_everybody_has_an_address_of_ones_own() {
    let server = Server::start(&["--max-connections-per-address", "2", "--trust-proxy", "127.0.0.0/8"]);
    // The proxy itself is not counted, however many it opens.
    let _idle: Vec<Peer> = (0..10).map(|_| server.dial()).collect();
    let (first, _ann) = stays(&server, "192.0.2.7");
    let (second, bob) = stays(&server, "198.51.100.1, 192.0.2.7, 127.0.0.1");
    let (third, _) = stays(&server, "192.0.2.7");
    let (other, _cleo) = stays(&server, "2001:db8::7");
    assert_eq!((first, second, third, other), (101, 101, 503, 101));
    assert_eq!(
        asked_for(&mut server.dial(), "198.51.100.1, 192.0.2.7"),
        503,
        "what is in front does not help"
    );
    assert_eq!(asked_for(&mut server.dial(), "::ffff:192.0.2.7"), 503, "IPv4 written as IPv6 is the same");
    assert_eq!(asked_for(&mut server.dial(), "192.0.2.7, 198.51.100.1"), 200);
    // Whoever goes makes place.
    drop(bob);
    support::until("the place is free", || asked_for(&mut server.dial(), "192.0.2.7") == 200);
}

#[test]
fn what_a_trusted_proxy_says_must_be_an_address() {
    let server = Server::start(&["--trust-proxy", "127.0.0.1"]);
    for bad in ["unknown", "192.0.2.7, unknown", "::", "192.0.2.7 198.51.100.1", "\u{1f4a3}"] {
        assert_eq!(asked_for(&mut server.dial(), bad), 400, "{bad}");
    }
    let answer = server.raw(format!("{PROXIED}board\r\n\r\n"));
    assert!(
        answer.ends_with("\r\n\r\na proxy's X-Forwarded-For must end with the IP address of who asks\n"),
        "{answer}"
    );
}

#[test]
fn what_anybody_else_says_is_ignored() {
    let server = Server::start(&["--max-connections-per-address", "2", "--trust-proxy", "10.0.0.0/8"]);
    let (first, _ann) = stays(&server, "192.0.2.7");
    let (second, _bob) = stays(&server, "no address at all");
    assert_eq!((first, second), (101, 101));
    let refused = server.raw(format!("{PROXIED}192.0.2.8\r\n\r\n"));
    assert!(refused.is_empty() || refused.starts_with("HTTP/1.1 503 "), "{refused}");
}

#[test]
fn a_head_may_be_so_long() {
    let long = |length: usize| {
        let head = format!("GET /healthz HTTP/1.1\r\nHost: board\r\nX-Long: {}\r\n\r\n", "x".repeat(length));
        head.into_bytes()
    };
    let server = Server::start(&["--max-head", "200"]);
    assert!(server.raw(long(100)).starts_with("HTTP/1.1 200 "));
    let answer = server.raw(long(200));
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    assert!(answer.ends_with("\r\n\r\nthe request head has more than 200 bytes\n"), "{answer}");
    let server = Server::start(&["--max-head", "0"]);
    assert!(server.raw(long(1_000_000)).starts_with("HTTP/1.1 200 "));
}

/// Who takes longer than a second is hung up on where a second is the limit, and nowhere if 0 has lifted it.
#[test]
fn heads_and_messages_have_their_time() {
    let (short, none) = (["1"; 2], ["0"; 2]);
    let start =
        |[head, message]: [&str; 2]| Server::start(&["--handshake-time", head, "--message-time", message]);
    let begin = |server: &Server| {
        let mut slow_head = server.tcp();
        slow_head.write_all(b"GET /").expect("it reads");
        let mut slow_message = server.stranger();
        slow_message.send(&frame(0x01, b"{")).expect("it reads");
        (slow_head, slow_message)
    };
    let patient = start(none);
    let (mut head, mut message) = begin(&patient);

    let hurried = start(short);
    let (slow_head, mut slow_message) = begin(&hurried);
    assert_eq!(slow_message.end().0, Some(1008));
    assert!(is_over(slow_head));

    message.send(&frame(0x80, b"}")).expect("it reads");
    assert!(message.text().expect("it is still there").contains("bad_request"));
    head.write_all(b"healthz HTTP/1.1\r\nHost: board\r\n\r\n").expect("it is still there");
    assert!(!is_over(head));
}

/// Whether nothing but the end comes.
fn is_over(mut stream: TcpStream) -> bool {
    use std::io::Read;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    answer.is_empty()
}

#[test]
fn persons_lists_and_rooms() {
    let server = Server::start(&[
        "--max-connections-per-person",
        "1",
        "--max-people-listed",
        "1",
        "--max-rooms-in-all",
        "1",
    ]);
    let mut ann = server.connect("/ws", Some("snug.v1"));
    ann.say(r#"{"type":"hello","nick":"ann"}"#);
    let session = ann.event("welcome")["session"].as_str().expect("a key").to_owned();
    let mut twin = server.connect("/ws", Some("snug.v1"));
    twin.say(&format!(r#"{{"type":"hello","session":"{session}"}}"#));
    assert_eq!(twin.event("error")["code"], "too_many_connections");

    let join = |room: &str| format!(r#"{{"type":"join","room":"{room}"}}"#);
    ann.say(&join("lobby"));
    assert_eq!(ann.event("joined")["people"].as_array().map(Vec::len), Some(1));
    let mut bob = server.v1("bob");
    bob.say(&join("attic"));
    assert_eq!(bob.event("error")["code"], "too_many_rooms");
    bob.say(&join("lobby"));
    let joined = bob.event("joined");
    assert_eq!((&joined["people"], &joined["count"]), (&serde_json::Value::Null, &2.into()));
}

/// One connection before a desk of its own, in a time of its own: no loop, nobody waits.
struct Alone {
    table: Table,
    slot: u32,
    manners: Manners,
    desk: server::server::Server,
    outbox: Outbox,
    _other_end: mio::net::UnixStream,
}

impl Alone {
    /// In the room `lobby`, at 100 messages a second.
    fn new(join_cost: u32, rename_cost: u32) -> Self {
        let epoch = Epoch([0; 8]);
        let mut settings = hub::limits::Settings::new(epoch, Durability::Memory, "snug", 0);
        (settings.join_cost, settings.rename_cost) = (join_cost, rename_cost);
        let store = Store::new(Memory::new(epoch, Ring::default()));
        let desk = server::server::Server::new(
            hub::Hub::new(settings),
            store,
            |bytes| bytes.fill(7),
            Origins::default(),
        );
        let (near, far) = mio::net::UnixStream::pair().expect("sockets");
        let mut table = Table::new(Addresses::new(None, Proxies::default()), 0);
        let slot = table.insert(Transport::Unix(near), protocol::http::UNIX);
        let pace = Pace::per_second(100);
        let manners = Manners { head: MAX_HEAD, rules: RULES, pace, max_unsent: MAX_UNSENT };
        let outbox = Outbox::new();
        let mut alone = Self { table, slot, manners, desk, outbox, _other_end: far };
        alone.take_in(Millis(0), upgrade_request("/ws/lobby").as_bytes());
        alone
    }

    /// Looks further at what an earlier read has left. How many bytes were said to it.
    fn go_on(&mut self, now: Millis) -> usize {
        let mut scratch = vec![0; 64 * 1024];
        let conn = self.table.conn(self.slot).expect("it is there").1;
        let count = conn.read(&mut scratch).expect("something is left");
        self.take_in(now, &scratch[..count])
    }

    /// As if it had been read. How many bytes were said to it.
    fn take_in(&mut self, now: Millis, bytes: &[u8]) -> usize {
        let mut bytes = bytes.to_vec();
        let (id, conn, addresses) = self.table.conn_and_addresses(self.slot).expect("it is there");
        let Self { manners, desk, outbox, .. } = self;
        conn.receive(id, &mut bytes, &mut Context { now, manners, addresses, desk, outbox });
        while self.desk.mail(now, &mut self.outbox) {}
        self.desk.fan_out(&mut self.outbox);
        let said = self.outbox.pieces(self.slot).map(<[u8]>::len).sum();
        self.outbox.clear();
        said
    }

    /// How many of these lines are taken in within ten seconds, if somebody sends as many as are taken. The loop reads
    /// whenever nothing is owed.
    fn says(mut self, line: impl Fn(u64) -> String) -> u64 {
        let mut count = 0;
        for now in (60_000..70_000).map(Millis) {
            while self.table.conn(self.slot).expect("it is there").1.must_wait(now, &self.manners).is_none() {
                count += 1;
                self.take_in(now, &frame(0x81, line(count).as_bytes()));
            }
        }
        count
    }
}

#[test]
fn who_renames_or_joins_all_the_time_is_read_more_slowly_than_who_talks() {
    let talk = |n: u64| format!("line {n}");
    let rename = |n: u64| format!("/nick mallory-{n}");
    let join = |n: u64| format!("/join room-{}", n % 7);
    // 200 at once, then 100 a second for ten seconds; the last one may cost more than is left.
    assert_eq!(Alone::new(5, 25).says(talk), 1200);
    assert_eq!(Alone::new(5, 25).says(rename), 1200 / 26 + 1);
    assert_eq!(Alone::new(5, 25).says(join), 1200 / 6);
    // Who asks for the name it has, which nobody is told, only talks.
    assert_eq!(Alone::new(5, 25).says(|_| "/nick mallory".to_owned()), 1200 - 25);
    // Without a cost they are like talk.
    assert_eq!(Alone::new(0, 0).says(rename), 1200);
    assert_eq!(Alone::new(0, 0).says(join), 1200);
}

/// One read can hold hundreds of requests. What is beyond the credit waits, and nothing of it is lost.
#[test]
fn a_read_is_taken_in_as_far_as_the_credit_goes() {
    let mut alone = Alone::new(5, 25);
    let renames: Vec<u8> = (0..100).flat_map(|n| frame(0x81, format!("/nick eve-{n}").as_bytes())).collect();
    let later = Millis(60_000);
    alone.take_in(later, &renames);
    assert_eq!(
        alone.outbox.metrics.frames,
        200 / 26 + 1,
        "200 messages' worth, and one that costs more than is left"
    );
    let mut turns = 0;
    for now in (60_000..100_000).map(Millis) {
        let conn = alone.table.conn(alone.slot).expect("it is there").1;
        if !conn.has_unread() {
            break;
        }
        if conn.must_wait(now, &alone.manners).is_none() {
            turns += 1;
            alone.go_on(now);
        }
    }
    assert_eq!((alone.outbox.metrics.frames, turns), (100, 100 - 8), "one for one from then on");
}

/// A short question may have a long answer, and one read holds thousands of questions.
#[test]
fn a_turn_says_so_much_and_the_rest_waits() {
    let mut alone = Alone::new(0, 0);
    alone.manners.pace = None;
    let asked = 5000;
    let questions = frame(0x81, b"/help").repeat(asked);
    let mut most = alone.take_in(Millis(1), &questions);
    let first = most;
    let mut turns = 1;
    while alone.table.conn(alone.slot).expect("it is there").1.has_unread() {
        most = most.max(alone.go_on(Millis(1)));
        turns += 1;
    }
    println!("{asked} questions: {turns} turns, at most {most} bytes in one");
    assert_eq!(alone.outbox.metrics.frames, asked as u64, "all were answered in the end");
    assert!(turns > 5 && first <= most && most < 256 * 1024 + 4096, "{turns} turns, {most} bytes");
}

/// What is charged is not counted among the frames.
#[test]
fn a_rename_is_one_frame() {
    let mut alone = Alone::new(5, 25);
    alone.take_in(Millis(1), &frame(0x81, b"/nick mallory"));
    assert_eq!(alone.outbox.metrics.frames, 1);
}
