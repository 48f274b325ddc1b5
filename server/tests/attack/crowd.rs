//! The attackers: what each kind of them does, as a table, and the one loop that does it for all of them. Whoever is hung
//! up on comes back at once.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, SocketAddrV4, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use rustix::net::{AddressFamily, SocketType, bind, connect, socket, sockopt};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::support::chance::Chance;
use crate::support::peer::{frame, reset, upgrade};

/// From how many addresses of the loopback network they come, so that no limit for one address holds them all.
const ADDRESSES: u64 = 40;

/// One kind of attack.
struct Kind {
    name: &'static str,
    /// How many connections do it at once.
    connections: usize,
    /// Milliseconds between two rounds, in which each of them does one step.
    pause: u64,
    /// Their kernel keeps little for them.
    is_narrow: bool,
    reads: Reads,
    /// How many steps each takes before it ends its connection itself.
    steps: u64,
    end: End,
    /// What to send next; called with the number of the step, when all before is sent.
    next: fn(&mut Chance, u64) -> Vec<u8>,
}

#[derive(PartialEq)]
enum Reads {
    All,
    Little,
    Nothing,
}

enum End {
    /// It sends no more, and keeps the connection for so many further steps.
    Half(u64),
    /// With a reset.
    Reset,
    /// Politely, as far as TCP goes.
    Close,
}

const EVER: u64 = u64::MAX;

const KINDS: &[Kind] = &[
    Kind {
        name: "slow heads",
        connections: 80,
        pause: 200,
        is_narrow: false,
        reads: Reads::All,
        steps: EVER,
        end: End::Close,
        next: |_, step| match step {
            0 => b"GET /ws/kitchen HTTP/1.1\r\nHost: board\r\nX-Slow: ".to_vec(),
            _ => b"x".to_vec(),
        },
    },
    Kind {
        name: "huge heads",
        connections: 10,
        pause: 20,
        is_narrow: false,
        reads: Reads::All,
        steps: 20,
        end: End::Close,
        next: |chance, step| match (step, chance.below(3)) {
            (0, _) => b"GET / HTTP/1.1\r\nHost: board\r\n".to_vec(),
            (_, 0) => b"X-Many: 1\r\n".repeat(1000),
            (_, 1) => [b"X-Long: ".to_vec(), vec![b'x'; 64 * 1024]].concat(),
            _ => b"X-Odd: \xff\xfe,,,\t\r\n".repeat(10),
        },
    },
    Kind {
        name: "pings unread",
        connections: 20,
        pause: 5,
        is_narrow: true,
        reads: Reads::Nothing,
        steps: EVER,
        end: End::Close,
        next: |chance, step| match step {
            0 => member(chance, "hall"),
            _ => frame(0x89, &[b'?'; 125]).repeat(500),
        },
    },
    Kind {
        name: "fragments",
        connections: 20,
        pause: 5,
        is_narrow: false,
        reads: Reads::All,
        steps: EVER,
        end: End::Close,
        next: |chance, step| match (step, chance.below(3)) {
            (0, _) => [member(chance, "hall"), frame(0x01, b"")].concat(),
            (_, 0) => frame(0x00, b"").repeat(1000),
            (_, 1) => [frame(0x00, b"x"), frame(0x89, b"")].concat().repeat(60),
            // Whole ones too, so that the limit of one message does not end it all.
            _ => [frame(0x80, b""), frame(0x01, b"{")].concat().repeat(200),
        },
    },
    Kind {
        name: "unfinished messages",
        connections: 60,
        pause: 500,
        is_narrow: false,
        reads: Reads::All,
        steps: EVER,
        end: End::Close,
        next: |chance, step| match step {
            0 => member(chance, "hall"),
            // All but a few bytes of the longest message, and then one more in a while.
            1 => frame(0x01, &vec![b'x'; 16 * 1024 - 64]),
            _ => frame(0x00, b"x"),
        },
    },
    Kind {
        name: "garbage",
        connections: 20,
        pause: 10,
        is_narrow: false,
        reads: Reads::All,
        steps: 5,
        end: End::Reset,
        next: |chance, step| {
            let mut bytes: Vec<u8> = (0..chance.between(1, 2000)).map(|_| chance.number() as u8).collect();
            if step == 0 && chance.one_in(2) {
                bytes = [upgrade("/ws/kitchen", chance.one_in(2)).into_bytes(), bytes].concat();
            }
            bytes
        },
    },
    Kind {
        name: "slow readers of a busy room",
        connections: 80,
        pause: 1000,
        is_narrow: true,
        reads: Reads::Little,
        steps: EVER,
        end: End::Close,
        next: |chance, step| if step == 0 { member(chance, "hall") } else { Vec::new() },
    },
    Kind {
        name: "those who never read at all",
        connections: 60,
        pause: 1000,
        is_narrow: false,
        reads: Reads::Nothing,
        steps: EVER,
        end: End::Close,
        next: |chance, step| match step {
            0 if chance.one_in(2) => upgrade("/ws/hall", false).into_bytes(),
            0 => member(chance, "hall"),
            // Answers are the largest things there are.
            _ => say(r#"{"type":"history","room":"hall","before":9007199254740991,"limit":200}"#).repeat(3),
        },
    },
    Kind {
        name: "talkers that make it busy",
        connections: 4,
        pause: 50,
        is_narrow: false,
        reads: Reads::All,
        steps: EVER,
        end: End::Close,
        next: |chance, step| match step {
            0 => member(chance, "hall"),
            _ => say(&format!(
                r#"{{"type":"say","room":"hall","id":"{}","text":"{}"}}"#,
                chance.number(),
                "x".repeat(chance.between(1, 14_000))
            )),
        },
    },
    Kind {
        name: "come and go",
        connections: 10,
        pause: 5,
        is_narrow: false,
        reads: Reads::All,
        steps: 2,
        end: End::Reset,
        next: |chance, step| if step == 0 { member(chance, "kitchen") } else { Vec::new() },
    },
    Kind {
        name: "renames",
        connections: 5,
        pause: 5,
        is_narrow: false,
        reads: Reads::All,
        steps: EVER,
        end: End::Close,
        next: |chance, step| match step {
            0 => member(chance, "kitchen"),
            _ => (0..100)
                .flat_map(|_| say(&format!(r#"{{"type":"nick","nick":"{}"}}"#, nick(chance))))
                .collect(),
        },
    },
    Kind {
        name: "joins and leaves",
        connections: 5,
        pause: 5,
        is_narrow: false,
        reads: Reads::All,
        steps: EVER,
        end: End::Close,
        next: |chance, step| match step {
            0 => member(chance, "kitchen"),
            _ => [
                say(r#"{"type":"leave","room":"kitchen"}"#),
                say(r#"{"type":"join","room":"kitchen","last":200}"#),
                say(&format!(r#"{{"type":"join","room":"{}"}}"#, nick(chance))),
                say(r#"{"type":"typing","room":"kitchen"}"#),
                say(r#"{"type":"who","room":"kitchen"}"#),
                say(r#"{"type":"rooms"}"#),
            ]
            .concat()
            .repeat(20),
        },
    },
    Kind {
        name: "big messages",
        connections: 10,
        pause: 20,
        is_narrow: false,
        reads: Reads::All,
        steps: EVER,
        end: End::Close,
        next: |chance, step| match (step, chance.below(20)) {
            (0, _) => member(chance, "hall"),
            (_, 0) => frame(0x81, &vec![b'['; 64 * 1024]),
            (_, 1) => say(&"\u{202e}".repeat(5000)),
            _ => frame(0x81, &vec![b'['; 16 * 1024]),
        },
    },
    Kind {
        name: "half-closed",
        connections: 30,
        pause: 100,
        is_narrow: true,
        reads: Reads::Nothing,
        steps: 2,
        end: End::Half(50),
        next: |chance, step| match (step, chance.below(3)) {
            (0, 0) => b"GET /ws/kitchen HTTP/1.1\r\n".to_vec(),
            (0, _) => member(chance, "kitchen"),
            _ => Vec::new(),
        },
    },
];

/// An upgrade, a hello and a join in one go; nobody waits for the answers.
fn member(chance: &mut Chance, room: &str) -> Vec<u8> {
    let hello = say(&format!(r#"{{"type":"hello","nick":"{}"}}"#, nick(chance)));
    let join = say(&format!(r#"{{"type":"join","room":"{room}"}}"#));
    [upgrade("/ws", true).into_bytes(), hello, join].concat()
}

fn nick(chance: &mut Chance) -> String {
    format!("mallory-{:x}", chance.number())
}

fn say(text: &str) -> Vec<u8> {
    frame(0x81, text.as_bytes())
}

/// Everybody attacks until the input ends; then it is printed what came of it.
pub(crate) fn attack(address: SocketAddr) {
    let files = getrlimit(Resource::Nofile);
    // If it is refused, fewer come at once.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: files.maximum, ..files });
    let counts: Vec<&'static Count> = KINDS.iter().map(|_| &*Box::leak(Box::default())).collect();
    for (seed, (kind, count)) in KINDS.iter().zip(&counts).enumerate() {
        let count = *count;
        thread::spawn(move || kind.run(address, seed as u64, count));
    }
    let _ = io::stdin().read_to_end(&mut Vec::new());
    for (kind, count) in KINDS.iter().zip(counts) {
        let (came, sent) = (count.came.load(Ordering::Relaxed), count.sent.load(Ordering::Relaxed));
        println!("  attack by {}: {came} connections, {} KB sent", kind.name, sent / 1000);
    }
    // Where they stand: the process ends with its first thread.
}

#[derive(Default)]
struct Count {
    came: AtomicU64,
    sent: AtomicU64,
}

struct Attacker {
    stream: TcpStream,
    step: u64,
    /// What the kernel did not take yet.
    rest: Vec<u8>,
}

impl Kind {
    fn run(&self, address: SocketAddr, seed: u64, count: &Count) {
        let mut chance = Chance(seed);
        let mut attackers: Vec<Option<Attacker>> = (0..self.connections).map(|_| None).collect();
        loop {
            for place in &mut attackers {
                let outcome = match place {
                    Some(attacker) => self.act(attacker, &mut chance, count),
                    None => dial(address, self.is_narrow, &mut chance).map(|stream| {
                        count.came.fetch_add(1, Ordering::Relaxed);
                        *place = Some(Attacker { stream, step: 0, rest: Vec::new() });
                    }),
                };
                if outcome.is_err() {
                    *place = None;
                }
            }
            thread::sleep(Duration::from_millis(self.pause));
        }
    }

    /// One step. An error is the end of it.
    fn act(&self, attacker: &mut Attacker, chance: &mut Chance, count: &Count) -> io::Result<()> {
        let Attacker { stream, step, rest } = attacker;
        match self.reads {
            Reads::All => while read(stream, 64 * 1024)? == 64 * 1024 {},
            Reads::Little => drop(read(stream, 1000)?),
            Reads::Nothing => {}
        }
        if rest.is_empty() {
            if *step >= self.steps {
                return self.leave(attacker);
            }
            *rest = (self.next)(chance, *step);
            *step += 1;
        }
        match stream.write(rest) {
            Ok(taken) => {
                count.sent.fetch_add(taken as u64, Ordering::Relaxed);
                rest.drain(..taken);
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn leave(&self, attacker: &mut Attacker) -> io::Result<()> {
        match self.end {
            End::Half(steps) if attacker.step < self.steps + steps => {
                attacker.step += 1;
                // The second time it is shut already.
                let _ = attacker.stream.shutdown(Shutdown::Write);
                return Ok(());
            }
            End::Reset => reset(&attacker.stream),
            End::Half(_) | End::Close => {}
        }
        Err(ErrorKind::UnexpectedEof.into())
    }
}

/// How much was there. The end is an error.
fn read(stream: &mut TcpStream, most: usize) -> io::Result<usize> {
    let mut buffer = [0; 64 * 1024];
    match stream.read(&mut buffer[..most]) {
        Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
        other => other,
    }
}

fn dial(address: SocketAddr, is_narrow: bool, chance: &mut Chance) -> io::Result<TcpStream> {
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    if is_narrow {
        sockopt::set_socket_recv_buffer_size(&socket, 4096)?;
    }
    let from = Ipv4Addr::new(127, 0, 0, 2 + (chance.number() % ADDRESSES) as u8);
    bind(&socket, &SocketAddrV4::new(from, 0))?;
    connect(&socket, &address)?;
    let stream = TcpStream::from(socket);
    stream.set_nonblocking(true)?;
    Ok(stream)
}
