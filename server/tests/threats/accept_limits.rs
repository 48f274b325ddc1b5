//! More callers than the process may have descriptors (accept(2), EMFILE). The loop must not spin, since each try fails
//! at once; must not hang, since mio tells of a caller only once; and must not hurt those who are there.

use std::net::TcpStream;
use std::time::Duration;

use rustix::process::Signal;

use crate::support::crowd::{Crowd, Heard};
use crate::support::honest::Pair;
use crate::support::peer::{Peer, upgrade};
use crate::support::scrape::hung_up;
use crate::support::{PATIENCE, Server, until};

/// All that the server may have open.
const FILES: u32 = 64;

/// How many call at once.
const CALLERS: usize = 500;

/// Turns that something other than a caller or an honest word may cost: deadlines, and the tries every 250 ms.
const SOME: usize = 100;

impl Server {
    /// How many turns of the loop its trace tells of. Asking needs no connection, of which there are none left here.
    fn traced_turns(&self) -> usize {
        self.logged(" trace turn at ")
    }
}

/// Those who call, and who of them has been let in.
struct Callers {
    crowd: Crowd,
    came_in: Vec<usize>,
}

impl Callers {
    /// All of them connect; the kernel keeps whom the server does not take.
    fn call(server: &Server) -> Self {
        let mut crowd = Crowd::new();
        for number in 0..CALLERS {
            crowd.dial(number, server.address, upgrade("/ws", true).into_bytes());
        }
        Self { crowd, came_in: Vec::new() }
    }

    fn listen(&mut self) {
        self.crowd.turn(|number, heard, _| match heard {
            Heard::Upgraded => self.came_in.push(number),
            other => panic!("caller {number}: {other:?}"),
        });
    }
}

#[test]
fn five_hundred_callers_for_sixty_four_descriptors() {
    let server = Server::start_with_files(FILES, &["--max-connections-per-address", "0", "--log", "trace"]);
    let mut pair = Pair::new(&server, "kitchen");
    pair.talk(1);
    let mut callers = Callers::call(&server);
    until("it has run out of descriptors", || {
        callers.listen();
        server.logged("cannot accept") > 0
    });

    // Whoever is there talks on.
    pair.talk(200);
    callers.listen();
    assert!(callers.came_in.len() < FILES as usize, "{} are in", callers.came_in.len());

    // Nothing happens now, and so nothing is done but to try again, four times a second.
    let before = server.traced_turns();
    std::thread::sleep(Duration::from_secs(1));
    let idle = server.traced_turns() - before;
    assert!(idle < SOME, "{idle} turns in a second in which nothing happens");

    // Whoever goes makes room for another, until all have been in.
    let before = server.traced_turns();
    let mut served = 0;
    until("the backlog is served", || {
        callers.listen();
        for number in callers.came_in.drain(..) {
            callers.crowd.leave(number);
            served += 1;
        }
        served == CALLERS
    });
    let turns = server.traced_turns() - before;
    pair.talk(10);
    println!(
        "{CALLERS} callers, {FILES} descriptors: {idle} turns in an idle second, {turns} to serve all; {}",
        pair.report()
    );
    // Each is accepted, read, answered, and goes.
    assert!(turns < 5 * CALLERS + SOME, "{turns} turns for {CALLERS} callers");
    let failed = server.counted("snug_accept_errors_total{error=\"EMFILE\"}");
    assert!(failed > 0 && failed <= server.traced_turns() as u64, "{failed} tries failed");
    assert_eq!(hung_up(server.address, "late-head"), 0, "nobody has waited too long for its turn");
}

/// Whoever cannot be let in costs one line in a while, not one a try: logs are on cards that wear out.
#[test]
fn that_descriptors_have_run_out_is_not_said_for_each_caller() {
    let server = Server::start_with_files(FILES, &["--max-connections-per-address", "0"]);
    let mut pair = Pair::new(&server, "kitchen");
    let mut callers = Callers::call(&server);
    until("it has run out of descriptors", || {
        callers.listen();
        server.logged("cannot accept") > 0
    });
    // Each call and each end is a reason to try again, and each try fails.
    for _ in 0..50 {
        callers.crowd.reset();
        for number in 0..2 * FILES as usize {
            callers.crowd.dial(number, server.address, upgrade("/ws", true).into_bytes());
        }
        pair.talk(4);
    }
    callers.crowd.reset();
    until("there are descriptors again", || server.files() < FILES as usize);
    let failed = server.counted("snug_accept_errors_total{error=\"EMFILE\"}");
    let said = server.logged("cannot accept");
    println!("{failed} tries to accept failed, {said} lines say so; {}", pair.report());
    assert!(failed > 20, "{failed}");
    assert!(said <= 10, "{said} lines for {failed} tries");
}

/// While the server is busy with something else, or starts, the kernel keeps those who call. Here it does not come to the
/// door at all, and still all of a crowd are connected, without a try that is lost and repeated a second later.
#[test]
fn a_crowd_waits_at_the_door() {
    let server = Server::start(&["--max-connections-per-address", "0"]);
    let most = std::fs::read_to_string("/proc/sys/net/core/somaxconn").expect("Linux says it");
    let callers = 1000.min(most.trim().parse::<usize>().expect("a number"));
    server.signal(Signal::STOP);
    // Whom the kernel does not keep is not connected before the server goes on.
    let waiting: Vec<_> = (0..callers)
        .map(|number| {
            TcpStream::connect_timeout(&server.address, PATIENCE)
                .unwrap_or_else(|error| panic!("caller {number} of {callers}: {error}"))
        })
        .collect();
    server.signal(Signal::CONT);
    for stream in waiting {
        let mut peer = Peer::over(stream);
        peer.send(upgrade("/ws", true).as_bytes()).expect("it reads");
        assert!(peer.head().expect("it answers").starts_with("HTTP/1.1 101 "));
    }
}
