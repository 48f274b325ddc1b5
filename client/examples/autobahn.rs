//! Runs the client's link against the fuzzing server of the Autobahn suite: connects once for each case, sends back
//! whatever comes, and asks for the report.
//!
//! ```text
//! cargo run --release -p snug-client --example autobahn -- ws://127.0.0.1:9010 snug-client
//! ```

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use client::link::address::Address;
use client::link::fault::Fault;
use client::link::{Heard, Link, Options};
use mio::{Events, Poll, Token, Waker};
use protocol::time::Millis;

const WAKER: Token = Token(0);
const LINK: Token = Token(1);

/// No subprotocol, and room for the suite's largest messages (16 MiB in section 9).
const OPTIONS: Options =
    Options { subprotocol: None, incoming: Some(64 << 20), outgoing: 64 << 20, reads: 1 };

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(server), Some(agent)) = (arguments.next(), arguments.next()) else {
        return Err("usage: autobahn ws://HOST:PORT AGENT".into());
    };
    let server = server.trim_end_matches('/').to_owned();
    let mut suite = Suite::new()?;
    let count = suite.visit(&format!("{server}/getCaseCount"), false)?;
    let count: u32 = count.ok_or("the server did not tell how many cases there are")?.parse()?;
    for case in 1..=count {
        suite.visit(&format!("{server}/runCase?case={case}&agent={agent}"), true)?;
    }
    suite.visit(&format!("{server}/updateReports?agent={agent}"), false)?;
    println!("{count} cases run; the verdict is in the server's report");
    Ok(())
}

struct Suite {
    poll: Poll,
    waker: Arc<Waker>,
    start: Instant,
}

impl Suite {
    fn new() -> std::io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        Ok(Self { poll, waker, start: Instant::now() })
    }

    /// One connection, from its beginning to its end. Returns the last text that came.
    fn visit(&mut self, url: &str, echo: bool) -> Result<Option<String>, Box<dyn Error>> {
        let address = Address::parse(url).map_err(|fault| fault.to_string())?;
        let mut link = Link::open(self.now(), address, OPTIONS, self.poll.registry(), LINK, &self.waker)?;
        let mut events = Events::with_capacity(8);
        let mut text = None;
        loop {
            let mut heard = Vec::new();
            let more = link.drive(self.now(), &mut heard);
            let idle = heard.is_empty() && !more;
            for heard in heard {
                match heard {
                    Heard::Open => {}
                    Heard::Text(said) if echo => link.send_text(said),
                    Heard::Binary(bytes) if echo => link.send_binary(bytes),
                    Heard::Text(said) => text = Some(said),
                    Heard::Binary(_) => {}
                    // The end of a case is the case's business, but a server that is not there is ours.
                    Heard::Lost(fault @ (Fault::Refused { .. } | Fault::UnknownHost { .. })) => {
                        return Err(fault.into());
                    }
                    Heard::Lost(_) => return Ok(text),
                }
            }
            if idle {
                let wait =
                    link.deadline().map(|deadline| Duration::from_millis(deadline.since(self.now()).0));
                self.poll.poll(&mut events, wait)?;
            }
        }
    }

    fn now(&self) -> Millis {
        Millis(u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX))
    }
}
