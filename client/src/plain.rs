//! The line interface: keys come in, news comes in, bytes for the terminal go out. Joins the parts in [`crate::ui`];
//! must not know the terminal itself, the link, or a clock.
//!
//! What arrives is printed once, above the line being typed, and is never touched again: it stays in the terminal's
//! own scrollback, in a serial console's log, and in the order a screen reader reads it.

use protocol::chat::id::RequestId;
use protocol::chat::name::Text;
use protocol::chat::request::Request;
use protocol::chat::slash::{self, Typed};
use protocol::time::{Millis, Span};

use crate::model::Model;
use crate::model::news::{News, Turn};
use crate::term::input::Key;
use crate::ui::complete::{Names, Round};
use crate::ui::editor::{Edit, Editor};
use crate::ui::history::History;
use crate::ui::row::Row;
use crate::ui::{harmless, words, wrap};

/// How long a tick may take before something is called pending. Shorter would say each line twice.
const PATIENCE: Span = Span::secs(1);

/// How many people who spoke are remembered for completion.
const RECENT: usize = 32;

/// What a key asks for beyond the line.
#[derive(Debug, PartialEq, Eq)]
pub enum Act {
    /// A line is complete: see [`Plain::understand`].
    Line(String),
    /// Another of the rooms.
    Switch(Turn),
    /// To stop for now (`C-z`).
    Suspend,
    /// To leave for good.
    Leave,
}

/// See the head of this file.
#[derive(Debug)]
pub struct Plain {
    editor: Editor,
    history: History,
    round: Option<Round>,
    row: Row,
    style: Style,
    output: String,
    /// Who spoke, the latest first.
    recent: Vec<String>,
    /// Rooms that the server told of.
    heard_of: Vec<String>,
    /// Why there is no connection, as the person was told last.
    outage: Option<String>,
    /// What waits for its tick, and has not been called pending yet.
    fresh: Vec<Fresh>,
}

/// Something was just said.
#[derive(Debug)]
struct Fresh {
    id: RequestId<'static>,
    news: News,
    /// When it is called pending; set when the line is next drawn, since only then the time is known.
    due: Option<Millis>,
}

/// How notices are set off from what people say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Not at all.
    None,
    /// By the terminal's faint letters.
    Faint,
}

impl Plain {
    /// A line interface for a terminal with so many columns.
    #[must_use]
    pub fn new(columns: u16, dumb: bool, style: Style) -> Self {
        Self {
            editor: Editor::default(),
            history: History::default(),
            round: None,
            row: Row::new(columns, dumb),
            style: if dumb { Style::None } else { style },
            output: String::new(),
            recent: Vec::new(),
            heard_of: Vec::new(),
            outage: None,
            fresh: Vec::new(),
        }
    }

    /// What is to be written to the terminal.
    #[must_use]
    pub fn take_output(&mut self) -> String {
        std::mem::take(&mut self.output)
    }

    /// When [`Plain::refresh`] is due even if nothing happens.
    #[must_use]
    pub fn deadline(&self) -> Option<Millis> {
        self.fresh.first()?.due
    }

    /// A key was pressed.
    pub fn key(&mut self, key: Key, model: &Model) -> Option<Act> {
        if !matches!(key, Key::Tab | Key::BackTab) {
            self.round = None;
        }
        match key {
            Key::Char(c) => self.insert(c.encode_utf8(&mut [0; 4])),
            Key::LineBreak => self.insert("\n"),
            Key::Paste { text, lost } => self.paste(&text, lost),
            Key::Enter => return self.enter(),
            Key::Tab => self.complete(model, false),
            Key::BackTab => self.complete(model, true),
            Key::Up | Key::Ctrl('p') => self.older(),
            Key::Down | Key::Ctrl('n') => self.newer(),
            Key::Ctrl('c') => return Some(Act::Leave),
            Key::Ctrl('d') if self.editor.text().is_empty() => return Some(Act::Leave),
            Key::Ctrl('z') => return Some(Act::Suspend),
            Key::Ctrl('l') => self.redraw(),
            Key::Alt('n') => return Some(Act::Switch(Turn::Next)),
            Key::Alt('p') => return Some(Act::Switch(Turn::Previous)),
            Key::Alt(digit @ '1'..='9') => {
                let number = digit.to_digit(10).and_then(|digit| usize::try_from(digit).ok()).unwrap_or(1);
                return Some(Act::Switch(Turn::To(number.saturating_sub(1))));
            }
            key => {
                if let Some(edit) = edit(&key) {
                    self.editor.edit(edit);
                }
            }
        }
        None
    }

    /// Reads a line that was typed. `None` if it was answered here, or cannot be understood: then it stands in the row
    /// again, so that nothing that was typed is lost.
    pub fn understand<'a>(&mut self, line: &'a str) -> Option<Request<'a>> {
        let request = match slash::parse(line) {
            Ok(Typed::Request(request)) => Ok(request),
            Ok(Typed::Text(text)) => Text::new(text)
                .map(|text| Request::Say { room: None, text, action: false })
                .map_err(|fault| fault.to_string()),
            Err(fault) => Err(fault.to_string()),
        };
        match request {
            Err(sentence) => {
                self.print(&format!("! {sentence}"));
                self.editor.set(line);
                None
            }
            Ok(request) => {
                self.history.push(line);
                if request == Request::Help {
                    words::help().iter().for_each(|line| self.print(line));
                    return None;
                }
                Some(request)
            }
        }
    }

    /// There is news.
    pub fn news(&mut self, news: &News, model: &Model) {
        match news {
            News::Said { said, .. } if !said.mine => self.spoke(&said.nick),
            News::Welcome { .. } => self.outage = None,
            News::Lost { why, .. } => {
                // A long outage is told once, and once more for each new reason, not at each try.
                let was = self.outage.replace(why.clone());
                if was.as_ref() == Some(why) {
                    return;
                }
                if was.is_some() {
                    return self.print(&format!("! {why}"));
                }
            }
            News::Pending { id, .. } if model.is_welcome() => {
                return self.fresh.push(Fresh { id: id.clone(), news: news.clone(), due: None });
            }
            News::Rooms(rooms) => self.heard_of = rooms.iter().map(|line| line.room.clone()).collect(),
            _ => {}
        }
        for line in words::lines(news, model.current()) {
            self.print(&line);
        }
    }

    /// Draws the line anew if it has changed.
    pub fn refresh(&mut self, now: Millis, model: &Model) {
        self.call_pending(now, model);
        // What was only just said does not make the prompt flicker.
        let pending = model.unconfirmed().saturating_sub(self.fresh.len());
        let room = model.current().map(ToString::to_string).unwrap_or_default();
        let state = match (model.is_welcome(), pending) {
            (true, 0) => String::new(),
            (true, pending) => format!(" ({pending} pending)"),
            (false, 0) => " (offline)".into(),
            (false, pending) => format!(" (offline, {pending} pending)"),
        };
        let prompt = format!("{room}{state}> ");
        self.row.draw(&prompt, self.editor.text(), self.editor.cursor(), &mut self.output);
    }

    /// Says what is pending: what has waited long enough, and without a connection all of it.
    fn call_pending(&mut self, now: Millis, model: &Model) {
        self.fresh.retain(|fresh| model.is_pending(&fresh.id));
        let connected = model.is_welcome();
        let is_due = |fresh: &mut Fresh| !connected || now >= *fresh.due.get_or_insert(now.plus(PATIENCE));
        let due: Vec<Fresh> = self.fresh.extract_if(.., |fresh| is_due(fresh)).collect();
        for line in due.iter().flat_map(|fresh| words::lines(&fresh.news, model.current())) {
            self.print(&line);
        }
    }

    /// The terminal has another size.
    pub fn resize(&mut self, columns: u16) {
        self.row.erase(&mut self.output);
        self.row.resize(columns);
    }

    /// Draws the line anew in any case: something else may have written on the terminal.
    pub fn redraw(&mut self) {
        self.row.erase(&mut self.output);
    }

    /// Takes the line off the screen, as before a stop.
    pub fn hide(&mut self) {
        self.row.erase(&mut self.output);
    }

    /// Another program had the terminal; the cursor is at the beginning of a free line.
    pub fn resume(&mut self) {
        self.output.push('\r');
        self.row.forget();
    }

    fn insert(&mut self, text: &str) {
        if !self.editor.insert(text) {
            self.print("! the line is full");
        }
    }

    fn paste(&mut self, text: &str, lost: usize) {
        if lost > 0 {
            self.print(&format!("! that was too much to paste: the last {lost} bytes are not in the line"));
        }
        self.insert(text);
    }

    fn enter(&mut self) -> Option<Act> {
        let line = self.editor.take();
        let line = line.trim_end_matches('\n');
        (!line.trim().is_empty()).then(|| Act::Line(line.to_owned()))
    }

    fn complete(&mut self, model: &Model, back: bool) {
        if let Some(round) = &mut self.round {
            return round.turn(&mut self.editor, back);
        }
        let names = self.names(model);
        self.round = Round::start(&mut self.editor, &names);
    }

    fn names(&self, model: &Model) -> Names {
        let here = model.rooms().iter().find(|room| Some(&room.name) == model.current());
        let me = model.nick();
        let mut names = Names::default();
        let present: Vec<&str> =
            here.iter().flat_map(|room| room.nicks()).filter(|nick| Some(*nick) != me).collect();
        let recent = self.recent.iter().map(String::as_str).filter(|nick| present.contains(nick));
        for nick in recent.chain(present.iter().copied()) {
            if !names.nicks.iter().any(|known| known == nick) {
                names.nicks.push(nick.to_owned());
            }
        }
        let mine = model.rooms().iter().map(|room| room.name.as_str());
        for room in mine.chain(self.heard_of.iter().map(String::as_str)) {
            if !names.rooms.iter().any(|known| known == room) {
                names.rooms.push(room.to_owned());
            }
        }
        names
    }

    fn spoke(&mut self, nick: &str) {
        self.recent.retain(|known| known != nick);
        self.recent.insert(0, nick.to_owned());
        self.recent.truncate(RECENT);
    }

    fn older(&mut self) {
        if let Some(line) = self.history.up(self.editor.text()) {
            self.editor.set(line);
        }
    }

    fn newer(&mut self) {
        if let Some(line) = self.history.down() {
            self.editor.set(&line);
        }
    }

    /// Prints a line above the one being typed.
    fn print(&mut self, line: &str) {
        self.row.erase(&mut self.output);
        let faint = self.style == Style::Faint && line.starts_with("* ");
        if faint {
            self.output.push_str("\x1b[2m");
        }
        let rows = wrap::rows(&harmless::line(line), self.row.columns());
        self.output.push_str(&rows.join("\r\n"));
        if faint {
            self.output.push_str("\x1b[0m");
        }
        self.output.push_str("\r\n");
    }
}

fn edit(key: &Key) -> Option<Edit> {
    Some(match key {
        Key::Left | Key::Ctrl('b') => Edit::Left,
        Key::Right | Key::Ctrl('f') => Edit::Right,
        Key::WordLeft | Key::Alt('b') => Edit::WordLeft,
        Key::WordRight | Key::Alt('f') => Edit::WordRight,
        Key::Home | Key::Ctrl('a') => Edit::Home,
        Key::End | Key::Ctrl('e') => Edit::End,
        Key::Backspace => Edit::DeleteBack,
        Key::Delete | Key::Ctrl('d') => Edit::Delete,
        Key::Ctrl('k') => Edit::KillToEnd,
        Key::Ctrl('u') => Edit::KillToStart,
        Key::Ctrl('w') => Edit::KillBackToSpace,
        Key::AltBackspace => Edit::KillWordBack,
        Key::Alt('d') => Edit::KillWord,
        Key::Ctrl('y') => Edit::Yank,
        Key::Ctrl('t') => Edit::Transpose,
        _ => return None,
    })
}
