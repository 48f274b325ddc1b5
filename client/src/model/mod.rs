//! What this client knows about the chat, and what follows from what happens: `update(now, message) -> asks`. Pure: it
//! must not know a socket, a terminal or a clock, and its random numbers come from a seed.
//!
//! The rules, which the stories in `tests.rs` tell one by one:
//!
//! 1. A thing to be said gets its id before the first try and keeps it until its tick. After every break it is sent
//!    again, in the order it was typed, once the server has let us back into its room.
//! 2. Our own words are shown when they are stored, in the order of the room's log, like everybody else's.
//!    It is kept in a safe place ([`Ask::Keep`]) before it is first sent, so that another run can go on with it.
//! 3. A room is rejoined with the last number that was shown, and the epoch that number was learnt in. If the server
//!    says `reset`, the person is told.
//! 4. The session key goes into every greeting, with the present nick. Ids count per person, so whoever keeps what was
//!    said keeps the key with it.
//! 5. What is asked and answered at once (`/who`, `/rooms`, `/nick`) is not kept over a break.

mod asked;
pub mod backoff;
mod heard;
pub mod news;
mod outbox;
pub mod random;
pub mod room;
mod settings;
#[cfg(test)]
mod tests;

use protocol::chat::event::Bounds;
use protocol::chat::id::{Epoch, RequestId, SessionKey};
use protocol::chat::name::{Nick, RoomName};
use protocol::chat::request::{Envelope, Request};
use protocol::chat::wire;
use protocol::limits::{MAX_MESSAGE, MAX_NICK, MAX_TEXT};
use protocol::time::{Millis, Span};

use self::backoff::Backoff;
use self::news::{Again, Ask, Loss, Msg, News, Stop};
use self::outbox::{Outbox, Pending};
use self::random::Random;
use self::room::{Place, Room};
pub use self::settings::{Kept, Settings, Wish};

/// How long the server may take to answer our greeting.
const GREETING: Span = Span::secs(10);
/// How long we wait for the last ticks before we leave.
const LAST_TICKS: Span = Span::secs(2);
/// A connection that held so long was a good one: the next break begins with a short wait again.
const GOOD: Span = Span::secs(5);
/// How many numbers are tried behind a login name that is taken, before the server may choose.
const NUMBERED: u32 = 99;

/// See the head of this file.
#[derive(Debug)]
pub struct Model {
    wish: Wish,
    /// How many nicks were taken in this greeting.
    tried: u32,
    last: u32,
    /// See [`Settings::after`]; used up by the first join.
    after: Option<u64>,
    patient: bool,
    session: SessionKey,
    random: Random,
    /// Places in rooms that are not ours now.
    places: Vec<Place>,
    /// An earlier run was cut short.
    cut_short: bool,
    /// What it has said, and nobody can send again.
    nobodys: Vec<Envelope<'static>>,
    backoff: Backoff,
    phase: Phase,
    /// Who we are, once the server has said so.
    me: Option<Me>,
    epoch: Option<Epoch>,
    bounds: Bounds,
    rooms: Vec<Room>,
    current: Option<RoomName<'static>>,
    outbox: Outbox,
    questions: Vec<(RequestId<'static>, Question)>,
    /// We want to leave; until then we wait for the last ticks.
    leaving: Option<Millis>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// No link yet, but asked for.
    Connecting,
    /// `hello` is under way.
    Greeting { until: Millis },
    /// The server knows us.
    Welcome { since: Millis },
    /// There was a link, or an attempt, and there will be another.
    Waiting { until: Millis },
    /// We have hung up and wait for the link to end.
    HungUp,
    /// The end.
    Over,
}

#[derive(Debug)]
struct Me {
    nick: Nick<'static>,
    user: String,
}

/// What an answer is an answer to.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Question {
    Hello,
    Join(RoomName<'static>),
    Other,
}

impl Model {
    /// A model that has not begun: [`Msg::Start`] does that.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let Kept { unconfirmed, nobodys, mut places, rooms: were_in } = settings.kept;
        let cut_short = !were_in.is_empty();
        let mut outbox = Outbox::default();
        unconfirmed.into_iter().filter_map(Pending::kept).for_each(|pending| outbox.push(pending));
        let waited_in: Vec<RoomName<'static>> = outbox.iter().map(|pending| pending.room.clone()).collect();
        let mut rooms: Vec<Room> = Vec::new();
        for name in settings.rooms.into_iter().chain(were_in).chain(waited_in) {
            if rooms.iter().all(|room| room.name != name) {
                let place = places.extract_if(.., |place| place.room == name).last();
                rooms.push(Room::new(name, place.map(|place| (place.epoch, place.seq))));
            }
        }
        Self {
            wish: settings.wish,
            tried: 0,
            last: settings.last,
            after: settings.after,
            patient: settings.patient,
            session: settings.session,
            random: Random::new(settings.seed),
            backoff: Backoff::default(),
            phase: Phase::Connecting,
            me: None,
            epoch: None,
            bounds: Bounds { text: as_u32(MAX_TEXT), message: as_u32(MAX_MESSAGE), rooms: u32::MAX },
            current: rooms.first().map(|room| room.name.clone()),
            rooms,
            places,
            cut_short,
            nobodys,
            outbox,
            questions: Vec::new(),
            leaving: None,
        }
    }

    /// Takes in what happened, and says what follows.
    #[must_use]
    pub fn update(&mut self, now: Millis, message: Msg<'_>) -> Vec<Ask> {
        let mut asks = Vec::new();
        match message {
            _ if self.phase == Phase::Over => {}
            Msg::Start => self.start(&mut asks),
            Msg::Opened => self.greet(now, &mut asks),
            Msg::Heard(text) => self.heard(now, text, &mut asks),
            Msg::Lost(loss) => self.lost(now, loss, &mut asks),
            Msg::Asked(request) => self.asked(request, &mut asks),
            Msg::Switch(turn) => self.switch(turn, &mut asks),
            Msg::Leave => self.leave(now, &mut asks),
            Msg::Tick => self.tick(now, &mut asks),
        }
        asks
    }

    /// When [`Msg::Tick`] is due.
    #[must_use]
    pub fn deadline(&self) -> Option<Millis> {
        let phase = match self.phase {
            Phase::Over => return None,
            Phase::Greeting { until } | Phase::Waiting { until } => Some(until),
            _ => None,
        };
        phase.into_iter().chain(self.leaving).min()
    }

    /// Whether the server knows us now.
    #[must_use]
    pub fn is_welcome(&self) -> bool {
        matches!(self.phase, Phase::Welcome { .. })
    }

    /// How many things that were said are not confirmed yet.
    #[must_use]
    pub fn unconfirmed(&self) -> usize {
        self.outbox.len() + self.nobodys.len()
    }

    /// Whether this was said and is not confirmed yet.
    #[must_use]
    pub fn is_pending(&self, id: &RequestId<'_>) -> bool {
        self.outbox.iter().any(|pending| pending.id.as_str() == id.as_str())
    }

    /// The key of this person.
    #[must_use]
    pub fn session(&self) -> SessionKey {
        self.session
    }

    /// Whether we are in all the rooms we want to be in.
    #[must_use]
    pub fn is_inside(&self) -> bool {
        self.rooms.iter().all(|room| room.inside)
    }

    /// The room we look at.
    #[must_use]
    pub fn current(&self) -> Option<&RoomName<'static>> {
        self.current.as_ref()
    }

    /// The rooms we are in, or want to be in, in the order they were joined.
    #[must_use]
    pub fn rooms(&self) -> &[Room] {
        &self.rooms
    }

    /// Our nick, once the server has given it.
    #[must_use]
    pub fn nick(&self) -> Option<&str> {
        self.me.as_ref().map(|me| me.nick.as_str())
    }

    fn start(&mut self, asks: &mut Vec<Ask>) {
        if self.cut_short {
            asks.push(Ask::Tell(News::CutShort));
        }
        for pending in std::mem::take(&mut self.nobodys).into_iter().filter_map(Pending::kept) {
            let why = "the file in which it was kept is damaged".into();
            let (id, room, text) = (pending.id, pending.room, pending.words.text().to_owned());
            asks.push(Ask::Tell(News::Unsure { id, room, text, why }));
        }
        asks.extend(self.outbox.iter().map(|pending| Ask::Tell(pending.news())));
        asks.push(Ask::Connect);
    }

    fn greet(&mut self, now: Millis, asks: &mut Vec<Ask>) {
        self.phase = Phase::Greeting { until: now.plus(GREETING) };
        self.tried = 0;
        self.hello(asks);
    }

    fn hello(&mut self, asks: &mut Vec<Ask>) {
        let wanted = match (&self.me, &self.wish) {
            (Some(me), _) => Some(me.nick.clone()),
            (None, Wish::Like(nick) | Wish::Exactly(nick)) => Some(nick.clone()),
            (None, Wish::Guest) => None,
        };
        let nick = wanted.and_then(|nick| numbered(&nick, self.tried));
        self.ask(Question::Hello, Request::Hello { nick, session: Some(self.session) }, asks);
    }

    /// The nick of our greeting cannot be had.
    fn nick_refused(&mut self, taken: bool, why: &str, asks: &mut Vec<Ask>) {
        if let (None, Wish::Exactly(nick)) = (&self.me, &self.wish) {
            let sentence = match taken {
                true => format!("the nick {nick} is taken; choose another one with --nick"),
                false => {
                    format!("the server does not take the nick {nick}: {why}; choose another one with --nick")
                }
            };
            return self.fail(sentence, asks);
        }
        self.tried = if taken { self.tried.saturating_add(1) } else { NUMBERED };
        self.hello(asks);
    }

    fn lost(&mut self, now: Millis, loss: Loss, asks: &mut Vec<Ask>) {
        let was = std::mem::replace(&mut self.phase, Phase::Over);
        self.questions.clear();
        self.outbox.broken();
        self.give_up_homeless(asked::LEFT, asks);
        for room in &mut self.rooms {
            room.inside = false;
        }
        if self.leaving.is_some() || was == Phase::HungUp {
            return asks.push(Ask::Stop(Stop::Left { unconfirmed: self.outbox.len() }));
        }
        let first = self.me.is_none();
        if loss.again == Again::Never || (first && !self.patient) {
            return asks.push(Ask::Stop(Stop::Failed(loss.why)));
        }
        if matches!(was, Phase::Welcome { since } if now.since(since) >= GOOD) {
            self.backoff.reset();
        }
        let spread = if let Again::Spread(advice) = loss.again { advice } else { None };
        let retry = match loss.again {
            Again::Spread(advice) => self.backoff.spread(advice, &mut self.random),
            Again::Soon | Again::Never => self.backoff.next(&mut self.random),
        };
        self.phase = Phase::Waiting { until: now.plus(retry) };
        asks.push(Ask::Tell(News::Lost { why: loss.why, retry, spread }));
    }

    fn tick(&mut self, now: Millis, asks: &mut Vec<Ask>) {
        match self.phase {
            Phase::Waiting { until } if now >= until => {
                self.phase = Phase::Connecting;
                asks.push(Ask::Connect);
            }
            Phase::Greeting { until } if now >= until => {
                asks.push(Ask::Drop);
                let why = "the server took the connection but did not answer our greeting".into();
                self.lost(now, Loss { why, again: Again::Soon }, asks);
            }
            _ => {}
        }
        if self.leaving.is_some_and(|until| now >= until) {
            self.hang_up(asks);
        }
    }

    fn leave(&mut self, now: Millis, asks: &mut Vec<Ask>) {
        if self.phase == Phase::HungUp {
            return;
        }
        if self.leaving.is_some() {
            // Asked twice: the person does not want to wait.
            return self.hang_up(asks);
        }
        self.leaving = Some(now.plus(LAST_TICKS));
        if self.outbox.is_empty() || !self.is_welcome() {
            self.hang_up(asks);
        }
    }

    fn hang_up(&mut self, asks: &mut Vec<Ask>) {
        match self.phase {
            Phase::Over => {}
            Phase::Waiting { .. } => {
                self.phase = Phase::Over;
                asks.push(Ask::Stop(Stop::Left { unconfirmed: self.outbox.len() }));
            }
            _ => {
                self.phase = Phase::HungUp;
                self.leaving = None;
                asks.push(Ask::HangUp);
            }
        }
    }

    fn fail(&mut self, sentence: String, asks: &mut Vec<Ask>) {
        self.phase = Phase::Over;
        asks.push(Ask::Drop);
        asks.push(Ask::Stop(Stop::Failed(sentence)));
    }

    /// Sends a request that is not kept over a break.
    fn ask(&mut self, question: Question, request: Request<'_>, asks: &mut Vec<Ask>) {
        let id = self.random.id();
        self.questions.push((id.clone(), question));
        asks.push(Ask::Send(written(&Envelope { id: Some(id), request })));
    }

    fn room(&mut self, name: &str) -> Option<&mut Room> {
        self.rooms.iter_mut().find(|room| room.name.as_str() == name)
    }
}

fn written(envelope: &Envelope<'_>) -> String {
    let mut text = String::new();
    wire::write_request(envelope, &mut text);
    text
}

/// The nick itself, then with 2, 3 … behind it; `None` when that leads nowhere.
fn numbered(nick: &Nick<'_>, tried: u32) -> Option<Nick<'static>> {
    if tried == 0 {
        return Some(nick.borrow().into_owned());
    }
    if tried >= NUMBERED {
        return None;
    }
    let digits = (tried + 1).to_string();
    let mut name = nick.as_str().to_owned();
    while name.len() + digits.len() > MAX_NICK {
        name.pop();
    }
    Nick::new(name + &digits).ok()
}

fn as_u32(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
