//! `snug.v1` as it is written, whatever is said: the bytes that serde_json would write, which shares no code with ours.

mod samples;

use protocol::chat::event::{Entry, Event, Stored};
use protocol::chat::wire::{read_event, write_event};
use samples::{Random, events, said};

fn told(event: &Event<'_>) -> String {
    let mut json = String::new();
    write_event(event, &mut json);
    json
}

/// What is said may be anything; serde_json writes it independently.
#[test]
fn whatever_is_said_is_written_as_serde_json_writes_it() {
    let every_short_one = (0..=0x2fff).chain(0x1_0000..0x1_0100).filter_map(char::from_u32).map(String::from);
    let whole_lines = ["", "plain", "\"", "\\", "\u{2028}", "\0", "a\u{1f}b\u{7f}c\u{80}", "\u{10ffff}"];
    let mut texts: Vec<String> = every_short_one.chain(whole_lines.map(String::from)).collect();
    texts.push("\"long\"\n".repeat(2000));
    let scraps: Vec<_> = "hello x \" \\ / \n \t \r \u{8} \u{c} \u{b} \u{1b} é \u{1F41F}".split(' ').collect();
    let mut random = Random::seeded(21);
    for _ in 0..20_000 {
        texts.push((0..random.below(40)).map(|_| *random.pick(&scraps)).collect());
    }
    for words in texts {
        let (seq, time) = (random.below(1 << 20) as u64, *random.pick(&[0, 9, 10, (1 << 53) - 1, u64::MAX]));
        let entry = Entry { time, text: words.as_str().into(), ..samples::entry(seq, "bob", "") };
        let Entry { user, nick, .. } = &entry;
        let [user, nick, text] = [user, nick, &entry.text].map(|text| serde_json::json!(text));
        let message = format!(
            r#"{{"type":"message","room":"lobby","seq":{seq},"user":{user},"nick":{nick},"text":{text},"time":{time}}}"#
        );
        assert_eq!(told(&said(entry)), message);
        let id = Some(words.as_str().into());
        let stored = Event::Stored(Stored { id, room: words.as_str().into(), seq, time, dup: false });
        let json = format!(r#"{{"type":"stored","id":{text},"room":{text},"seq":{seq},"time":{time}}}"#);
        assert_eq!(told(&stored), json);
    }
}

/// Every event, with something to escape wherever there is text.
#[test]
fn every_event_is_written_with_whatever_is_in_it() {
    for (_, json) in events() {
        for scrap in ["\"", "\\", "\n", "\u{1}", "\u{2028}\u{1F41F}"] {
            let escaped = serde_json::json!(scrap).to_string();
            let json =
                ["alice", "bob", "lobby", "tea", "snug 0.1.0"].iter().fold(json.to_owned(), |json, word| {
                    json.replace(&format!("{word}\""), &format!("{word}{}\"", &escaped[1..escaped.len() - 1]))
                });
            let event = read_event(&json).expect("an event");
            assert_eq!(told(&event), json);
        }
    }
}
