//! `load`, as a real program: against the real server, and against others that do what it has to notice. What is
//! counted is asserted, never how long it took.

mod support;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use protocol::ws::encode::{self, Opcode};
use protocol::ws::{Decoder, Role, Rules, Step};
use support::server::Server;
use support::{DEADLINE, Run, accept};

const HERE: &str = "127.0.0.1:0";

fn load(line: &str) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_load"));
    command.args(line.split_whitespace()).output().expect("it runs").into()
}

/// What it has measured, as JSON.
struct Measured(String);

impl Measured {
    #[track_caller]
    fn run(line: &str) -> Self {
        let run = load(&format!("{line} --json"));
        assert_eq!((run.code, run.err.as_str()), (Some(0), ""), "{line}");
        assert_eq!(run.out.lines().count(), 1, "one object: {}", run.out);
        Self(run.out)
    }

    /// The number of this name.
    #[track_caller]
    fn number(&self, name: &str) -> f64 {
        let Some((_, rest)) = self.0.split_once(&format!("\"{name}\":")) else {
            panic!("no {name}: {}", self.0)
        };
        let end = rest.find([',', '}']).unwrap_or(rest.len());
        rest[..end].parse().unwrap_or_else(|_| panic!("{name}: {}", self.0))
    }

    /// Lost, on the way, doubled, out of order, of nobody, complaints, hung up on.
    fn faults(&self) -> [f64; 7] {
        ["lost", "on_the_way", "doubled", "reordered", "strays", "errors", "closed"]
            .map(|name| self.number(name))
    }
}

#[test]
fn everything_arrives_in_both_dialects_and_loops() {
    let server = Server::start(HERE);
    for dialect in ["plain", "snug.v1"] {
        for pace in ["--window 3", "--rate 200", "--window 2 --spin"] {
            let measured = Measured::run(&format!(
                "--server {} --people 20 --rooms 4 --publishers 2 {pace} --dialect {dialect} --seconds 0.4 --warmup 0.1 \
                 --pid {}",
                server.address,
                server.pid()
            ));
            assert_eq!(measured.faults(), [0.0; 7], "{}", measured.0);
            assert!(measured.number("messages") > 0.0 && measured.number("deliveries") > 0.0);
            assert!(measured.number("rss_kib_after") > 0.0 && measured.number("cpu_us_per_delivery") >= 0.0);
            assert!(measured.0.contains("\"echoes\":false"), "a sender does not get its line back");
            assert_eq!(measured.0.contains("\"tick_us\""), dialect == "snug.v1");
        }
    }
}

#[test]
fn who_is_there_and_then_talks_once_is_heard_by_nine() {
    let server = Server::start(HERE);
    for dialect in ["plain", "snug.v1"] {
        let measured = Measured::run(&format!(
            "idle --server {} --people 30 --seconds 0 --dialect {dialect} --pid {}",
            server.address,
            server.pid()
        ));
        assert_eq!((measured.number("rooms"), measured.number("messages")), (3.0, 30.0));
        assert_eq!((measured.number("deliveries"), measured.faults()), (30.0 * 9.0, [0.0; 7]));
        measured.number("pss_bytes_per_connection");
        measured.number("pss_bytes_per_connection_touched");
    }
}

/// What was said in an earlier run is neither waited for nor counted.
#[test]
fn a_room_that_has_a_past() {
    let server = Server::start(HERE);
    // By the path, and by a join, which brings the past unless one says otherwise.
    for path in ["/ws/{room}", "/ws", "/ws/{room}", "/ws"] {
        let url = format!("ws://{}{path}", server.address);
        let line = format!("--url {url} --people 3 --dialect snug.v1 --seconds 0.1 --warmup 0");
        assert_eq!(Measured::run(&line).faults(), [0.0; 7]);
    }
}

#[test]
fn a_storm_and_handshakes() {
    let server = Server::start(HERE);
    for dialect in ["plain", "snug.v1"] {
        let storm =
            Measured::run(&format!("storm --server {} --people 50 --dialect {dialect}", server.address));
        assert_eq!((storm.number("joins"), storm.number("errors"), storm.number("closed")), (50.0, 0.0, 0.0));
        let (coming, leaving) = (storm.number("bytes_joining"), storm.number("bytes_leaving"));
        assert!(coming > 50.0 * 100.0 && leaving > 0.0, "{}", storm.0);
        assert_eq!(storm.number("bytes_received"), coming + leaving);
        let connect = format!("connect --server {} --people 4 --seconds 0.2 --warmup 0", server.address);
        assert!(Measured::run(&format!("{connect} --dialect {dialect}")).number("handshakes") > 4.0);
    }
}

#[test]
fn in_words() {
    let server = Server::start(HERE);
    let run = load(&format!("--server {} --people 10 --rate 50 --seconds 0.3 --warmup 0", server.address));
    assert_eq!((run.code, run.err.as_str()), (Some(0), ""), "nobody looks at a progress line in a pipe");
    assert!(
        run.out.starts_with("10 people in 1 room, of whom 1 in each talks: 64 bytes a line"),
        "{}",
        run.out
    );
    assert!(run.out.contains("\nEverything arrived, once and in order.\n"), "{}", run.out);
}

#[test]
fn what_cannot_be_measured_is_said() {
    let nobody = TcpListener::bind(HERE).expect("a port").local_addr().expect("an address");
    let run = load(&format!("--server {nobody}"));
    let said = format!("load: nothing listens at {nobody}; start a server there (`server ");
    assert_eq!((run.code, run.out.as_str()), (Some(1), ""));
    assert!(run.err.starts_with(&said), "{}", run.err);

    let run = load("--people 1");
    let said = "load: somebody has to listen: 1 rooms need 2 --people or more, or take fewer --rooms; see load --help\n";
    assert_eq!((run.code, run.err.as_str()), (Some(2), said));
    let run = load("--sources 2 --server 192.0.2.1");
    assert_eq!(run.code, Some(2), "{}", run.err);
    let run = load("--pid 4294967295");
    assert!(run.code == Some(2) && run.err.contains("there is no process 4294967295"), "{}", run.err);

    let server = Server::start(HERE);
    let run = load(&format!("--url ws://{}/nothing --people 2", server.address));
    assert_eq!(run.code, Some(1));
    assert!(run.err.contains("404 Not Found") && run.err.contains("check the path in --url"), "{}", run.err);
}

#[test]
fn a_server_that_is_full_says_how_many_fitted() {
    let server = Server::start_with(HERE, &["--max-connections-per-address", "10"]);
    let run = load(&format!("--server {} --people 30", server.address));
    assert_eq!(run.code, Some(1));
    assert!(
        run.err.starts_with("load: the server let 10 in and refused the next (\"the server is full;"),
        "{}",
        run.err
    );
    assert!(run.err.contains("--max-connections-per-address 0"), "{}", run.err);
    // From three addresses all fit.
    let line = format!("--server {} --people 30 --sources 3 --seconds 0.1 --warmup 0", server.address);
    assert_eq!(Measured::run(&line).faults(), [0.0; 7]);
}

#[test]
fn too_few_open_files() {
    let script = format!("ulimit -n 64; exec {} --people 100", env!("CARGO_BIN_EXE_load"));
    let run: Run = Command::new("sh").args(["-c", &script]).output().expect("a shell").into();
    assert_eq!(run.code, Some(1));
    assert!(
        run.err.starts_with("load: so many people need 132 open files, and 64 are allowed here"),
        "{}",
        run.err
    );
}

/// A relay that is faulty with lines: of those that go to anybody it drops each 101st, sends each 203rd twice, and holds
/// each 307th back until another has overtaken it. It writes down what it did.
#[derive(Default)]
struct Relay {
    lines: AtomicU64,
    dropped: AtomicU64,
    doubled: AtomicU64,
    /// Overtaken and sent.
    overtaken: AtomicU64,
    /// Held back at this moment.
    held: AtomicU64,
}

impl Relay {
    fn start(server: String) -> (Arc<Self>, String) {
        let listener = TcpListener::bind(HERE).expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let relay = Arc::new(Self::default());
        let shared = Arc::clone(&relay);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let server = TcpStream::connect(&server).expect("it listens");
                let twins = (client.try_clone().expect("a twin"), server.try_clone().expect("a twin"));
                thread::spawn(move || std::io::copy(&mut &twins.0, &mut &twins.1));
                let relay = Arc::clone(&shared);
                thread::spawn(move || relay.pass(server, client));
            }
        });
        (relay, address)
    }

    fn pass(&self, mut server: TcpStream, mut client: TcpStream) {
        let (mut buffer, mut head, mut decoder) = (vec![0; 64 * 1024], Vec::new(), Decoder::new());
        let rules = Rules { role: Role::Client, message: 1 << 20, fragments: 1 };
        let mut held: Option<Vec<u8>> = None;
        let mut is_open = false;
        while let Ok(count @ 1..) = server.read(&mut buffer) {
            let mut bytes = buffer[..count].to_vec();
            let mut out = Vec::new();
            if !is_open {
                head.append(&mut bytes);
                let Some(end) = head.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { continue };
                bytes = head.split_off(end + 4);
                out.append(&mut head);
                is_open = true;
            }
            let mut rest = bytes.as_mut_slice();
            while let Some(step) = decoder.next(&rules, &mut rest).expect("the server keeps the rules") {
                let Step::Text(text) = step else { continue };
                let mut frame = Vec::new();
                encode::frame(Opcode::Text, text.as_bytes(), &mut frame);
                // Ticks are no lines.
                match text.contains('~') && !text.starts_with(r#"{"type":"stored""#) {
                    true => self.be_faulty(frame, &mut held, &mut out),
                    false => out.append(&mut frame),
                }
            }
            if client.write_all(&out).is_err() {
                return;
            }
        }
    }

    fn be_faulty(&self, frame: Vec<u8>, held: &mut Option<Vec<u8>>, out: &mut Vec<u8>) {
        let number = self.lines.fetch_add(1, Ordering::SeqCst) + 1;
        if number.is_multiple_of(101) {
            self.dropped.fetch_add(1, Ordering::SeqCst);
            return;
        }
        if number.is_multiple_of(307) && held.is_none() {
            self.held.fetch_add(1, Ordering::SeqCst);
            *held = Some(frame);
            return;
        }
        out.extend_from_slice(&frame);
        if number.is_multiple_of(203) {
            self.doubled.fetch_add(1, Ordering::SeqCst);
            out.extend_from_slice(&frame);
        }
        if let Some(late) = held.take() {
            self.held.fetch_sub(1, Ordering::SeqCst);
            self.overtaken.fetch_add(1, Ordering::SeqCst);
            out.extend_from_slice(&late);
        }
    }

    /// Never sent, sent twice, sent late.
    fn did(&self) -> [f64; 3] {
        let count = |counter: &AtomicU64| counter.load(Ordering::SeqCst) as f64;
        [count(&self.dropped) + count(&self.held), count(&self.doubled), count(&self.overtaken)]
    }
}

/// One sender, so that what is held back is overtaken by a line of the same.
#[test]
fn a_faulty_relay_is_seen_through() {
    let server = Server::start(HERE);
    for dialect in ["plain", "snug.v1"] {
        let (relay, address) = Relay::start(server.address.clone());
        let line = "--people 6 --rate 1500 --seconds 1 --warmup 0.2";
        let measured = Measured::run(&format!("--server {address} --dialect {dialect} {line}"));
        let did = relay.did();
        assert!(did.iter().all(|count| *count >= 5.0), "the relay was faulty: {did:?}");
        let noticed = ["lost", "doubled", "reordered"].map(|name| measured.number(name));
        assert_eq!(noticed, did, "{dialect}");
        assert_eq!((measured.number("strays"), measured.number("on_the_way")), (0.0, 0.0));
    }
}

/// A closed loop through it does not wait for ever for what was dropped.
#[test]
fn a_closed_loop_goes_on_when_lines_are_lost() {
    let server = Server::start(HERE);
    let (relay, address) = Relay::start(server.address.clone());
    let measured = Measured::run(&format!(
        "--server {address} --people 4 --window 4 --seconds 1 --warmup 0 --publishers 1"
    ));
    let noticed = ["lost", "doubled", "reordered"].map(|name| measured.number(name));
    assert_eq!(noticed, relay.did());
    assert!(measured.number("lost") > 4.0, "it went on: {}", measured.0);
}

/// A server that gives everybody everything, also its sender, with no name before it.
fn parrot() -> String {
    let listener = TcpListener::bind(HERE).expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let all: Arc<Mutex<Vec<TcpStream>>> = Arc::default();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (all, twin) = (Arc::clone(&all), stream.try_clone().expect("a twin"));
            thread::spawn(move || {
                stream.set_read_timeout(Some(DEADLINE)).expect("a timeout");
                let mut socket = accept(stream).ok()?;
                all.lock().expect("nobody panics").push(twin);
                while let Ok(message) = socket.read() {
                    let mut frame = Vec::new();
                    encode::frame(Opcode::Text, message.into_text().ok()?.as_bytes(), &mut frame);
                    for one in all.lock().expect("nobody panics").iter_mut() {
                        let _ = one.write_all(&frame);
                    }
                }
                Some(())
            });
        }
    });
    address
}

#[test]
fn a_server_that_sends_lines_back_to_their_senders() {
    let address = parrot();
    let line =
        format!("--url ws://{address}/any --people 5 --publishers 2 --window 2 --seconds 0.3 --warmup 0");
    let measured = Measured::run(&line);
    assert!(measured.0.contains("\"echoes\":true"), "{}", measured.0);
    assert_eq!(measured.faults(), [0.0; 7], "{}", measured.0);
    let idle = Measured::run(&format!("idle --url ws://{address}/any --people 5 --seconds 0"));
    assert_eq!(idle.number("deliveries"), 25.0, "each hears all, and itself");
}
