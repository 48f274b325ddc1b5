//! Somebody puts an old copy of the data folder back, and what is said then passes the numbers that others remember
//! (threat 40). Who remembers more than the copy has is told so; who does not goes on as if nothing had been.

use std::collections::BTreeMap;
use std::fs;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::folder::Folder;
use crate::support::{Client, Server};

/// A client by PROTOCOL.md, section 5.
struct Known {
    nick: &'static str,
    session: String,
    /// Of the last `welcome`.
    epoch: String,
    /// Epoch and number.
    position: (String, u64),
    log: BTreeMap<u64, String>,
}

impl Known {
    /// Somebody who comes for the first time, and reads all there is.
    fn new(server: &Server, nick: &'static str) -> (Self, Client) {
        let session = nick.bytes().next().map(|letter| format!("{letter:02x}").repeat(16)).unwrap();
        let (epoch, position) = (String::new(), (String::new(), 0));
        let mut new = Self { nick, session, epoch, position, log: BTreeMap::new() };
        let mut client = new.hello(server);
        new.position.0.clone_from(&new.epoch);
        assert_eq!(new.join(&mut client), None);
        (new, client)
    }

    /// Comes back to where it was. Why it was reset, if it was.
    fn come_back(&mut self, server: &Server) -> (Client, Option<String>) {
        let mut client = self.hello(server);
        let reset = self.join(&mut client);
        (client, reset)
    }

    fn hello(&mut self, server: &Server) -> Client {
        let mut client = server.connect("/ws", Some("snug.v1"));
        let Self { nick, session, .. } = &*self;
        client.say(&format!(r#"{{"type":"hello","nick":"{nick}","session":"{session}"}}"#));
        self.epoch = client.event("welcome")["epoch"].as_str().unwrap().to_owned();
        client
    }

    fn join(&mut self, client: &mut Client) -> Option<String> {
        let (of, seq) = &self.position;
        let after = format!(r#"{{"epoch":"{of}","seq":{seq}}}"#);
        client.say(&format!(r#"{{"type":"join","room":"lobby","after":{after}}}"#));
        let last = client.event("joined")["last"].as_u64().unwrap();
        // Behind all that was missed comes the answer to this.
        client.say(r#"{"type":"who","id":"all","room":"lobby"}"#);
        let mut reset = None;
        loop {
            let event: Value = serde_json::from_str(&client.next()).unwrap();
            match event["type"].as_str().unwrap() {
                "reset" => {
                    reset = event["reason"].as_str().map(str::to_owned);
                    self.log.clear();
                }
                "message" => self.hear(&event, reset.is_some() && self.log.is_empty()),
                "who" => break,
                _ => {}
            }
        }
        assert_eq!(self.position.1, last, "{} has all there is", self.nick);
        reset
    }

    /// The next entry, and no other; after a reset the first may be any.
    fn hear(&mut self, event: &Value, is_first: bool) {
        let seq = event["seq"].as_u64().unwrap();
        assert!(is_first || seq == self.position.1 + 1, "{}: {seq} after {:?}", self.nick, self.position);
        self.position = (self.epoch.clone(), seq);
        self.log.insert(seq, event["text"].as_str().unwrap().to_owned());
    }

    fn say(&mut self, client: &mut Client, text: &str, seq: u64) {
        let nick = self.nick;
        client.say(&format!(r#"{{"type":"say","room":"lobby","id":"n{seq}-{nick}","text":"{text}"}}"#));
        assert_eq!(client.event("stored")["seq"], seq, "{text}");
        self.log.insert(seq, text.to_owned());
        self.position = (self.epoch.clone(), seq);
    }

    fn lines(&self) -> Vec<&str> {
        self.log.values().map(String::as_str).collect()
    }
}

/// ```text
/// ann: one, two, three     ann, ben and dee have 1 to 3; dee goes away
///                          the server ends, its folder is copied, it starts
/// ann: four, five          ann and ben have 1 to 5
///                          the server ends, the copy is put back, it starts
/// cara: other four, other five, other six
/// ann and ben come back with 5: reset, and then the log as it is
/// dee comes back with 3: the rest, and no reset
/// ```
fn an_old_copy_after(end: Signal) {
    let (folder, copy) = (Folder::new(), Folder::new());
    let start = || Server::start(&["--data", folder.0.to_str().unwrap()]);
    let stop = |server: Server| {
        server.signal(end);
        server.wait();
    };

    let server = start();
    let (mut ann, mut speaks) = Known::new(&server, "ann");
    for (text, seq) in [("one", 1), ("two", 2), ("three", 3)] {
        ann.say(&mut speaks, text, seq);
    }
    let (mut ben, _hears) = Known::new(&server, "ben");
    let (mut dee, _hears) = Known::new(&server, "dee");
    stop(server);
    copy_all(&folder, &copy);

    let server = start();
    let (mut speaks, reset) = ann.come_back(&server);
    assert_eq!(reset, None, "a start is no reason");
    for (text, seq) in [("four", 4), ("five", 5)] {
        ann.say(&mut speaks, text, seq);
    }
    assert_eq!(ben.come_back(&server).1, None);
    assert_eq!((ann.lines(), ben.lines()), (vec!["one", "two", "three", "four", "five"], ann.lines()));
    stop(server);
    fs::remove_dir_all(&folder.0).unwrap();
    copy_all(&copy, &folder);

    let server = start();
    let (mut cara, mut speaks) = Known::new(&server, "cara");
    for (text, seq) in [("other four", 4), ("other five", 5), ("other six", 6)] {
        cara.say(&mut speaks, text, seq);
    }
    let log = ["one", "two", "three", "other four", "other five", "other six"];
    for known in [&mut ann, &mut ben] {
        let (_client, reset) = known.come_back(&server);
        assert_eq!(reset.as_deref(), Some("epoch"), "{}", known.nick);
        assert_eq!(known.lines(), log, "{}", known.nick);
    }
    let (_client, reset) = dee.come_back(&server);
    assert_eq!((reset, dee.lines()), (None, log.to_vec()));
    // And once more, now that all know where they are.
    stop(server);
    let server = start();
    for known in [&mut ann, &mut ben, &mut dee] {
        assert_eq!(known.come_back(&server).1, None, "{}", known.nick);
        assert_eq!(known.lines(), log, "{}", known.nick);
    }
}

fn copy_all(from: &Folder, to: &Folder) {
    fs::create_dir(&to.0).unwrap();
    for file in fs::read_dir(&from.0).unwrap().map(Result::unwrap) {
        fs::copy(file.path(), to.0.join(file.file_name())).unwrap();
    }
}

#[test]
fn an_old_copy_resets_whoever_knows_more() {
    an_old_copy_after(Signal::TERM);
}

/// What is copied then is a database and its write-ahead log.
#[test]
fn an_old_copy_of_a_server_that_was_killed() {
    an_old_copy_after(Signal::KILL);
}
