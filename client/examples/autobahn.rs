//! The client's link as an echo client for the Autobahn test suite: `autobahn ws://ADDR:PORT AGENT`.
//!
//! The suite's server has one path for each of its cases. For every case it is connected to and echoed at until it
//! closes the connection; at the end it is told to write its report. `.ci/autobahn client` runs this and reads the
//! report.

use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use client::link::address::Address;
use client::link::{Heard, Link, Options};
use mio::{Events, Poll, Token, Waker};
use protocol::time::Millis;

const LINK: Token = Token(0);
const WAKER: Token = Token(1);

/// The suite's longest message has 16 MiB; the bytes of its frame come on top. Each message is to be answered also if
/// the next one, read in the same moment, is a violation.
const LIFTED: Options = Options { subprotocol: None, incoming: None, outgoing: 17 * 1024 * 1024, reads: 1 };

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [server, agent] = arguments.as_slice() else {
        eprintln!("usage: autobahn ws://ADDR:PORT AGENT");
        return ExitCode::from(2);
    };
    match run(server, agent) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("autobahn: {fault}");
            ExitCode::FAILURE
        }
    }
}

fn run(server: &str, agent: &str) -> Result<(), String> {
    let mut suite = Suite::new(server).map_err(|error| error.to_string())?;
    let mut count = String::new();
    suite.visit("/getCaseCount", |_, text| count = text)?;
    let count: u32 = count.parse().map_err(|_| format!("\"{count}\" is no number of cases"))?;
    for case in 1..=count {
        suite.visit(&format!("/runCase?case={case}&agent={agent}"), Link::send_text)?;
    }
    suite.visit(&format!("/updateReports?agent={agent}"), |_, _| {})
}

/// The suite's server, visited once for each path.
struct Suite {
    url: String,
    poll: Poll,
    waker: Arc<Waker>,
    began: Instant,
}

impl Suite {
    fn new(url: &str) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        Ok(Self { url: url.trim_end_matches('/').to_owned(), poll, waker, began: Instant::now() })
    }

    /// Connects to `path` and stays until the server ends the connection. Texts go to `text`, anything else comes
    /// back as it was sent.
    fn visit(&mut self, path: &str, mut text: impl FnMut(&mut Link, String)) -> Result<(), String> {
        let address = Address::parse(&format!("{}{path}", self.url)).map_err(|fault| fault.to_string())?;
        let mut link = Link::open(self.now(), address, LIFTED, self.poll.registry(), LINK, &self.waker)
            .map_err(|error| error.to_string())?;
        let mut events = Events::with_capacity(8);
        let mut was_open = false;
        loop {
            let mut heard = Vec::new();
            let mut more = link.drive(self.now(), &mut heard);
            for heard in heard {
                match heard {
                    Heard::Open => was_open = true,
                    Heard::Text(said) => text(&mut link, said),
                    Heard::Binary(bytes) => link.send_binary(bytes),
                    // Most cases end in a violation; the report says whether ours was the right answer to it.
                    Heard::Lost(_) if was_open => return Ok(()),
                    Heard::Lost(fault) => return Err(fault.to_string()),
                }
                // What is echoed has to leave.
                more = true;
            }
            let wait = match more {
                true => Some(Duration::ZERO),
                false => link.deadline().map(|deadline| Duration::from_millis(deadline.since(self.now()).0)),
            };
            match self.poll.poll(&mut events, wait) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error.to_string()),
                _ => {}
            }
        }
    }

    fn now(&self) -> Millis {
        Millis(u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX))
    }
}
