//! A network that misbehaves, on loopback and in user space: a proxy between clients and the server. Each connection
//! through it is a *link* with its own *weather*, chosen by the link's number alone, so that a seed repeats it. Cuts
//! come after a number of bytes, not after a time.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::thread;
use std::time::Duration;

use super::chance::Chance;
use super::peer;

/// How long a pump waits for bytes before it looks whether its link was cut.
const GLANCE: Duration = Duration::from_millis(10);

/// What one link is like.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Weather {
    /// At most so many bytes are passed on at once, by chance fewer. 0: as many as come.
    pub(crate) chop: usize,
    /// Each piece waits up to so many milliseconds.
    pub(crate) delay: u64,
    /// Bytes a second. 0: as many as come.
    pub(crate) bandwidth: usize,
    /// How it ends, if it does.
    pub(crate) fate: Option<Fate>,
}

/// What happens to a link after so many bytes in one direction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fate {
    /// Towards the server, or from it.
    pub(crate) upwards: bool,
    pub(crate) after: usize,
    pub(crate) kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Both ends get a FIN; what is on the way is lost.
    Close,
    /// Both ends get a reset.
    Reset,
    /// Nothing comes through any more, and nobody is told.
    Blackhole,
    /// Nothing comes through this way for so many milliseconds; then the link is reset.
    Stall(u64),
}

impl Weather {
    /// A link that bends but does not break.
    pub(crate) fn breeze(chance: &mut Chance) -> Self {
        let (chop, delay, bandwidth) = *chance.pick(&[
            (0, 0, 0),
            (1, 0, 0),
            (17, 0, 0),
            (200, 1, 0),
            (1000, 3, 0),
            (0, 5, 0),
            (0, 0, 500_000),
        ]);
        Self { chop, delay, bandwidth, fate: None }
    }

    /// A link that breaks, somewhere.
    pub(crate) fn storm(chance: &mut Chance) -> Self {
        let kind = match chance.below(4) {
            0 => Kind::Close,
            1 => Kind::Reset,
            2 => Kind::Blackhole,
            _ => Kind::Stall(chance.between(20, 200) as u64),
        };
        // From within the handshake to somewhere in the talk.
        let after = chance.between(1, *chance.clone().pick(&[300, 2_000, 20_000]));
        let fate = Fate { upwards: chance.one_in(3), after, kind };
        Self { fate: Some(fate), ..Self::breeze(chance) }
    }
}

pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    links: AtomicUsize,
    /// Their pumps own them: a link whose pumps have ended is closed.
    all: Mutex<Vec<Weak<Link>>>,
    over: AtomicBool,
}

struct Link {
    client: TcpStream,
    server: TcpStream,
    cut: AtomicBool,
    dark: AtomicBool,
}

impl Proxy {
    /// Between `server` and whoever connects to [`Proxy::address`]. `weather` is asked with the link's number.
    pub(crate) fn start(server: SocketAddr, weather: impl Fn(usize) -> Weather + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("a port");
        let shared = Arc::new(Shared {
            links: AtomicUsize::new(0),
            all: Mutex::new(Vec::new()),
            over: AtomicBool::new(false),
        });
        let ours = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming() {
                if ours.over.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(client) = client else { continue };
                // A server that is down is a link that is closed at once.
                let Ok(server) = TcpStream::connect(server) else { continue };
                let number = ours.links.fetch_add(1, Ordering::Relaxed);
                ours.open(client, server, weather(number), number as u64);
            }
        });
        Self { address, shared }
    }

    /// How many links there were.
    pub(crate) fn links(&self) -> usize {
        self.shared.links.load(Ordering::Relaxed)
    }

    /// From now on nothing comes through the links there are, and nobody is told.
    pub(crate) fn darken(&self) {
        for link in self.shared.all.lock().expect("no pump panics").iter().filter_map(Weak::upgrade) {
            link.dark.store(true, Ordering::Relaxed);
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        for link in
            self.shared.all.lock().expect("no pump panics").drain(..).filter_map(|link| link.upgrade())
        {
            link.cut(true);
        }
        // Wakes the listener up, to see that it is over.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn open(&self, client: TcpStream, server: TcpStream, weather: Weather, seed: u64) {
        for stream in [&client, &server] {
            stream.set_nodelay(true).expect("no delay");
            stream.set_read_timeout(Some(GLANCE)).expect("a timeout");
            stream.set_write_timeout(Some(GLANCE)).expect("a timeout");
        }
        let link =
            Arc::new(Link { client, server, cut: AtomicBool::new(false), dark: AtomicBool::new(false) });
        let mut all = self.all.lock().expect("no pump panics");
        all.retain(|link| link.strong_count() > 0);
        all.push(Arc::downgrade(&link));
        for upwards in [true, false] {
            let link = Arc::clone(&link);
            thread::spawn(move || link.pump(weather, upwards, Chance(2 * seed + u64::from(upwards))));
        }
    }
}

impl Link {
    /// Passes bytes on in one direction until the link is over.
    fn pump(&self, weather: Weather, upwards: bool, mut chance: Chance) {
        let (mut from, mut to) =
            if upwards { (&self.client, &self.server) } else { (&self.server, &self.client) };
        let fate = weather.fate.filter(|fate| fate.upwards == upwards);
        let mut passed = 0;
        let mut buffer = [0; 16 * 1024];
        while !self.is_cut() {
            if self.is_dark() {
                thread::sleep(GLANCE);
                continue;
            }
            let room = if weather.chop == 0 { buffer.len() } else { chance.between(1, weather.chop) };
            let left = fate.map_or(usize::MAX, |fate| fate.after - passed);
            if left == 0 {
                self.meet(fate.expect("it is over because of it").kind);
                continue;
            }
            let count = match from.read(&mut buffer[..room.min(left)]) {
                // One direction may be closed while the other goes on.
                Ok(0) => return drop(to.shutdown(Shutdown::Write)),
                Ok(count) => count,
                Err(error) if is_pause(&error) => continue,
                Err(_) => return self.cut(true),
            };
            passed += count;
            wait(weather, count, &mut chance);
            let mut rest = &buffer[..count];
            while !rest.is_empty() && !self.is_cut() && !self.is_dark() {
                match to.write(rest) {
                    Ok(written) => rest = &rest[written..],
                    Err(error) if is_pause(&error) => {}
                    Err(_) => return self.cut(true),
                }
            }
        }
    }

    fn meet(&self, kind: Kind) {
        match kind {
            Kind::Close => self.cut(false),
            Kind::Reset => self.cut(true),
            Kind::Blackhole => self.dark.store(true, Ordering::Relaxed),
            Kind::Stall(millis) => {
                thread::sleep(Duration::from_millis(millis));
                self.cut(true);
            }
        }
    }

    /// Ends both halves, softly or with a reset. The sockets close when both pumps have noticed.
    fn cut(&self, hard: bool) {
        if self.cut.swap(true, Ordering::Relaxed) {
            return;
        }
        for stream in [&self.client, &self.server] {
            match hard {
                true => peer::reset(stream),
                // If it is closed already, it is closed.
                false => drop(stream.shutdown(Shutdown::Both)),
            }
        }
    }

    fn is_cut(&self) -> bool {
        self.cut.load(Ordering::Relaxed)
    }

    /// It is open, and nothing comes through.
    fn is_dark(&self) -> bool {
        self.dark.load(Ordering::Relaxed)
    }
}

fn wait(weather: Weather, count: usize, chance: &mut Chance) {
    let mut millis = if weather.delay == 0 { 0 } else { chance.below(weather.delay as usize + 1) };
    if let Some(slow) = (1000 * count).checked_div(weather.bandwidth) {
        millis += slow;
    }
    if millis > 0 {
        thread::sleep(Duration::from_millis(millis as u64));
    }
}

fn is_pause(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}
