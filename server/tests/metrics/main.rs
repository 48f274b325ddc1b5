//! `/metrics`, read as a scraper reads it: the counters move with what happens, and nothing in them names a room or a
//! person. One story for each group of counters.

#[path = "../support/mod.rs"]
mod support;

mod dist;
mod endings;
mod exposition;
mod turn;

use std::time::Instant;

use exposition::Page;
use support::peer::Peer;
use support::{PATIENCE, Server, upgrade_request};

const GET: &str = "GET /metrics HTTP/1.1\r\nHost: board\r\n\r\n";

pub(crate) trait Scraped {
    /// Asks once.
    fn scrape(&self) -> Page;

    /// Asks until it is so: what the server finds out by itself has no answer that could be waited for. It may be too
    /// full for the question too.
    fn scrape_until(&self, what: &str, is_so: impl Fn(&Page) -> bool) -> Page;
}

impl Scraped for Server {
    fn scrape(&self) -> Page {
        read(&self.raw(GET)).expect("it is let in")
    }

    fn scrape_until(&self, what: &str, is_so: impl Fn(&Page) -> bool) -> Page {
        let begun = Instant::now();
        loop {
            if let Some(page) = read(&self.raw(GET)).filter(&is_so) {
                return page;
            }
            assert!(begun.elapsed() < PATIENCE, "it never comes to this: {what}");
        }
    }
}

/// What an answer says; `None` if it is a 503, which may be cut off too.
pub(crate) fn read(answer: &str) -> Option<Page> {
    if answer.is_empty() || answer.starts_with("HTTP/1.1 503 ") {
        return None;
    }
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains("\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"), "{head}");
    assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", body.len())), "{head}");
    Some(exposition::parse(body).unwrap_or_else(|fault| panic!("{fault}\n{body}")))
}

/// How much each of these has grown.
fn grown<const N: usize>(before: &Page, after: &Page, samples: [&str; N]) -> [f64; N] {
    samples.map(|sample| after.at(sample) - before.at(sample))
}

#[test]
fn it_is_read_like_a_page() {
    let server = Server::start(&[]);
    let page = server.scrape();
    assert_eq!(page.at(&format!("snug_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"))), 1.0);
    let head = server.raw(GET.replace("GET", "HEAD"));
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.ends_with("\r\n\r\n"), "{head}");
    let post = server.raw(GET.replace("GET", "POST"));
    assert!(post.starts_with("HTTP/1.1 405 ") && post.contains("\r\nAllow: GET, HEAD\r\n"), "{post}");
}

/// Anna and Ben speak plain, Carla speaks JSON. Dora comes later.
#[test]
fn talk_is_counted() {
    let server = Server::start(&[]);
    let mut anna = server.plain("anna", "lobby");
    let mut ben = server.plain("ben", "lobby");
    let mut carla = server.v1_in("carla", "lobby");
    let _elsewhere = server.plain("emil", "attic");
    let before = server.scrape();
    assert_eq!(before.at("snug_persons"), 4.0);
    assert_eq!(before.at("snug_rooms"), 2.0);
    assert_eq!(before.at("snug_connections"), 5.0, "the one that asks included");

    anna.say("Soup is ready");
    assert_eq!(ben.line(), "<anna> Soup is ready");
    ben.say("/me runs");
    let say = r#"{"type":"say","id":"1","room":"lobby","text":"Coming!"}"#;
    assert_eq!(carla.event("message")["text"], "Soup is ready");
    assert_eq!(carla.event("message")["text"], "runs");
    carla.say(say);
    carla.event("stored");
    carla.say(say);
    assert_eq!(carla.event("stored")["dup"], true);
    carla.say(r#"{"type":"say","id":"1","room":"lobby","text":"Not what I said"}"#);
    assert_eq!(carla.event("error")["code"], "id_conflict");
    anna.say("/topic Soup");
    assert_eq!(carla.event("message")["text"], "Soup");

    let after = server.scrape();
    let entries = ["talk", "me", "topic"].map(|kind| format!("snug_entries_total{{kind=\"{kind}\"}}"));
    assert_eq!(grown(&before, &after, entries.each_ref().map(String::as_str)), [2.0, 1.0, 1.0]);
    assert_eq!(
        grown(&before, &after, ["snug_entries_resent_total", "snug_entries_refused_total"]),
        [1.0, 1.0]
    );
    assert_eq!(after.at("snug_store_seconds_count"), 6.0, "every answer to an entry");
    assert_eq!(
        grown(
            &before,
            &after,
            [r#"snug_requests_total{dialect="plain"}"#, r#"snug_requests_total{dialect="snug.v1"}"#]
        ),
        [3.0, 3.0]
    );
    let way = |way: &str| format!("snug_deliveries_total{{way=\"{way}\"}}");
    assert_eq!(
        grown(&before, &after, [&way("live"), &way("page")]),
        [4.0 * 2.0, 0.0],
        "two others, four times"
    );
    assert_eq!(grown(&before, &after, ["snug_frames_received_total"]), [6.0]);
    assert!(after.at("snug_ring_bytes") > before.at("snug_ring_bytes"));
    assert!(after.at("snug_held_bytes") >= after.at("snug_ring_bytes") - before.at("snug_ring_bytes"));
    for grows in
        ["snug_received_bytes_total", "snug_sent_bytes_total", "snug_turns_total", "snug_uptime_seconds"]
    {
        assert!(after.at(grows) > before.at(grows), "{grows}");
    }
    assert_eq!(after.at("snug_turns_total"), after.at("snug_turn_seconds_count"));

    let mut dora = server.connect("/ws/lobby?nick=dora&last=3", None);
    dora.expect("* you are in lobby");
    for line in ["<ben> /me runs", "<carla> Coming!", "* topic by anna: Soup"] {
        dora.expect(line);
    }
    assert_eq!(
        grown(&after, &server.scrape(), [&way("live"), &way("page")]),
        [0.0, 3.0],
        "what Dora had missed"
    );
}

#[test]
fn nobody_is_named() {
    let server = Server::start(&[]);
    let mut secretive = server.v1_in("kassandra", "underground");
    secretive.say(r#"{"type":"say","id":"resend-key","room":"underground","text":"a secret"}"#);
    secretive.event("stored");
    let answer = server.raw(GET);
    for word in ["kassandra", "underground", "resend-key", "secret", "127.0.0.1"] {
        assert!(!answer.contains(word), "{word}: {answer}");
    }
}

#[test]
fn refusals_are_counted_by_status() {
    let server = Server::start(&[]);
    let before = server.scrape();
    let good = upgrade_request("/ws/lobby");
    let refused = [
        (400, good.replace("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 13\r\nContent-Length: x")),
        (403, good.replace("Host: board\r\n", "Host: board\r\nOrigin: http://evil.example\r\n")),
        (404, upgrade_request("/elsewhere")),
        (405, "POST /healthz HTTP/1.1\r\nHost: board\r\n\r\n".to_owned()),
        (414, upgrade_request(&format!("/ws/{}", "x".repeat(3000)))),
        (426, "GET /ws/lobby HTTP/1.1\r\nHost: board\r\n\r\n".to_owned()),
        (431, good.replace("board", &"x".repeat(9000))),
    ];
    for (status, request) in &refused {
        assert!(server.raw(request).starts_with(&format!("HTTP/1.1 {status} ")), "{status}");
    }
    let after = server.scrape();
    for (status, _) in &refused {
        let sample = format!("snug_refusals_total{{status=\"{status}\"}}");
        assert_eq!(grown(&before, &after, [&sample]), [1.0], "{status}");
    }
    let outcome = |outcome: &str| format!("snug_connections_accepted_total{{outcome=\"{outcome}\"}}");
    assert_eq!(after.at(&outcome("refused")), refused.len() as f64);
    assert_eq!(after.at(&outcome("answered")), 1.0, "the first question");
}

/// Everybody who came is counted once, by what became of it.
#[test]
fn outcomes_add_up() {
    let server = Server::start(&["--max-connections", "4"]);
    let people = ["anna", "ben", "carla"].map(|nick| server.plain(nick, "lobby"));
    let silent = server.tcp();
    let mut came = people.len() + 1;
    let full = server.raw("GET /healthz HTTP/1.1\r\nHost: board\r\n\r\n");
    assert!(full.is_empty() || full.starts_with("HTTP/1.1 503 "), "{full}");
    came += 1;
    drop(silent);
    let outcome = |outcome: &str| format!("snug_connections_accepted_total{{outcome=\"{outcome}\"}}");
    let page = loop {
        if let Some(page) = read(&server.raw(GET)).filter(|page| page.at(&outcome("unfinished")) == 1.0) {
            break page;
        }
        came += 1;
        assert!(came < 10_000, "it never notices that one is gone");
    };
    let turned_away = page.at(&outcome("turned-away"));
    assert!(turned_away >= 1.0);
    assert_eq!(page.at(r#"snug_turned_away_total{reason="connections"}"#), turned_away);
    assert_eq!(page.at(r#"snug_refusals_total{status="503"}"#), turned_away);
    assert_eq!((page.at(&outcome("upgraded")), page.at(&outcome("refused"))), (3.0, 0.0));
    assert_eq!(page.sum("snug_connections_accepted_total"), came as f64, "but for the question itself");
    assert_eq!((page.at("snug_connections"), page.at("snug_connections_limit")), (4.0, 4.0));
}

#[test]
fn a_limit_that_is_lifted_is_never_reached() {
    let lifted = Server::start(&["--max-connections", "0", "--max-memory", "0"]).scrape();
    assert_eq!(
        (lifted.at("snug_connections_limit"), lifted.at("snug_held_limit_bytes")),
        (f64::INFINITY, f64::INFINITY)
    );
}

#[test]
fn who_sends_too_fast_is_paused() {
    let server = Server::start(&["--max-rate", "10"]);
    let mut anna = server.plain("anna", "lobby");
    for line in 1..=60 {
        anna.say(&format!("{line}"));
    }
    while anna.line() != "+ 60" {
        // All that was there may have been read at once, and is paid for later.
    }
    anna.say("one more");
    let paused = server.scrape_until("anna is paused", |page| page.at("snug_paused_connections") == 1.0);
    assert!(paused.at("snug_credit_pauses_total") >= 1.0);
    assert_eq!(paused.sum("snug_hangups_total"), 0.0, "and that is all");
}

/// Zoe does not read until she has fallen behind. Then she reads, by page.
#[test]
fn who_reads_slowly_lags_and_is_behind() {
    let server = Server::start(&["--max-rate", "0"]);
    let mut zoe = Peer::narrow(server.address).expect("it accepts");
    zoe.send(support::peer::upgrade("/ws/lobby", true).as_bytes()).expect("it reads");
    zoe.head().expect("an answer");
    zoe.say(r#"{"type":"hello","nick":"zoe"}"#).expect("it reads");
    zoe.say(r#"{"type":"join","room":"lobby"}"#).expect("it reads");
    while !zoe.text().expect("an answer").contains(r#""type":"joined""#) {}
    let mut anna = server.plain("anna", "lobby");
    let long = "z".repeat(10_000);
    let mut said = 0;
    let behind = loop {
        anna.say(&long);
        said += 1;
        assert_eq!(anna.line(), format!("+ {said}"));
        let page = server.scrape();
        if page.at("snug_members_behind") == 1.0 {
            break page;
        }
        assert!(said < 5000, "she never falls behind");
    };
    assert_eq!(behind.at("snug_lags_total"), 1.0);
    assert!(behind.at("snug_unsent_bytes") >= 128.0 * 1024.0, "{}", behind.at("snug_unsent_bytes"));
    assert!(behind.at("snug_held_bytes") >= behind.at("snug_unsent_bytes"));
    for _ in 0..5 {
        anna.say(&long);
        said += 1;
        assert_eq!(anna.line(), format!("+ {said}"));
    }
    let mut heard = 0;
    while heard < said {
        heard += usize::from(zoe.text().expect("she may go on").contains(r#""type":"message""#));
    }
    let caught_up = server.scrape_until("she is live", |page| page.at("snug_members_behind") == 0.0);
    assert_eq!(caught_up.at("snug_unsent_bytes"), 0.0);
    let [live, page] =
        ["live", "page"].map(|way| caught_up.at(&format!("snug_deliveries_total{{way=\"{way}\"}}")));
    assert_eq!(live + page, heard as f64, "each once, one way or the other");
    assert!(page >= 5.0, "{page} by page");
}

/// 82 fe 2710: a binary message of 10,000 bytes, of which half has come.
#[test]
fn an_unfinished_message_is_held() {
    let server = Server::start(&[]);
    let mut halfway = Peer::dial(server.address).expect("it accepts");
    halfway.send(support::peer::upgrade("/ws", true).as_bytes()).expect("it reads");
    halfway.head().expect("an answer");
    halfway.send(&[&[0x82, 0xfe, 0x27, 0x10, 0, 0, 0, 0][..], &[7; 5000]].concat()).expect("it reads");
    let page = server.scrape_until("half of it is held", |page| page.at("snug_held_bytes") >= 5000.0);
    assert_eq!(page.at("snug_unsent_bytes"), 0.0, "nothing waits for it");
    drop(halfway);
    server.scrape_until("nothing is held", |page| page.at("snug_held_bytes") == 0.0);
}

#[test]
fn descriptors_that_run_out_are_counted() {
    let server = Server::start_with_files(24, &[]);
    let callers: Vec<_> = (0..24).map(|_| server.tcp()).collect();
    drop(callers);
    let page = server.scrape_until("it had no descriptor left", |page| {
        page.at(r#"snug_accept_errors_total{error="EMFILE"}"#) >= 1.0
    });
    assert_eq!(page.sum("snug_hangups_total"), 0.0);
}
