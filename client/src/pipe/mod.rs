//! The face for programs: lines come in and are said, messages go out. Must not know the link, a file descriptor or a
//! clock.
//!
//! What is said is text, never a command. Only messages go to the output; everything else is a [`Word`] for stderr. It
//! ends when the input has ended and all of it is confirmed, unless it *follows*.

mod json;
pub mod lines;
pub mod output;

use protocol::chat::event::Event;
use protocol::chat::name::Text;
use protocol::chat::wire;
use protocol::time::{Millis, Span};

use self::lines::Line;
use crate::model::Model;
use crate::model::news::News;
use crate::ui::{harmless, words};

/// How many lines may be unconfirmed. While there is no connection this bounds what is kept in memory: 1 MiB at the
/// usual length of a line, 15 MiB at the utmost.
const MAX_UNCONFIRMED: usize = 1024;

/// What a pipe shall do.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Print events as JSON.
    pub json: bool,
    /// Print what others say, and go on when the input has ended.
    pub follow: bool,
    /// How long to wait for a connection or a confirmation.
    pub timeout: Option<Span>,
}

/// See the head of this file.
#[derive(Debug)]
pub struct Pipe {
    options: Options,
    /// Lines taken from the input.
    taken: usize,
    /// Lines that will never be confirmed.
    refused: usize,
    /// Lines that were confirmed.
    confirmed: usize,
    ended: bool,
    /// Why there is no connection, if there is none.
    trouble: Option<String>,
    /// Whether we have ever been in the room.
    inside: bool,
    /// The room does not let us in.
    refused_entry: bool,
    /// Since when there has been nothing but waiting.
    waits_since: Option<Millis>,
}

/// What is to be printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// On the output.
    Message(String),
    /// On stderr.
    Trouble(String),
}

/// How it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It goes on.
    GoOn,
    /// All is done.
    Done,
    /// There is no hope, or no time left.
    GiveUp,
}

impl Pipe {
    /// A pipe at its beginning, where so many lines wait that an earlier run has taken.
    #[must_use]
    pub fn new(options: Options, kept: usize) -> Self {
        Self {
            options,
            taken: kept,
            refused: 0,
            confirmed: 0,
            ended: false,
            trouble: None,
            inside: false,
            refused_entry: false,
            waits_since: None,
        }
    }

    /// Whether another line may be taken from the input.
    #[must_use]
    pub fn has_room(&self, model: &Model) -> bool {
        !self.ended && model.unconfirmed() < MAX_UNCONFIRMED
    }

    /// Takes a line from the input. Returns what is to be said.
    pub fn line(&mut self, line: Line, words: &mut Vec<Word>) -> Option<Text<'static>> {
        match line {
            Line::Text { number, text, mended } => {
                self.taken += 1;
                if mended {
                    let what = "is not all UTF-8 text without control characters; the rest is sent with \u{fffd} in it";
                    words.push(Word::Trouble(format!("line {number} {what}")));
                }
                Some(text)
            }
            Line::TooLong { number } => {
                self.taken += 1;
                self.refused += 1;
                let limit = protocol::limits::MAX_TEXT;
                words.push(Word::Trouble(format!(
                    "line {number} is not sent: it is longer than {limit} bytes"
                )));
                None
            }
            Line::End(fault) => {
                self.ended = true;
                if let Some(fault) = fault {
                    self.refused += 1;
                    self.taken += 1;
                    words.push(Word::Trouble(fault));
                }
                None
            }
        }
    }

    /// The server said this.
    #[must_use]
    pub fn heard(&self, text: &str) -> Option<Word> {
        if !self.options.json {
            return None;
        }
        match wire::read_event(text) {
            Ok(Event::Welcome(mut welcome)) => {
                // The key of a person has no place in a file or another program's input.
                welcome.session = "".into();
                let mut hidden = String::new();
                wire::write_event(&Event::Welcome(welcome), &mut hidden);
                Some(Word::Message(harmless::json(&hidden).into_owned()))
            }
            Ok(_) => Some(Word::Message(harmless::json(text).into_owned())),
            // The model complains of it.
            Err(_) => None,
        }
    }

    /// There is news.
    pub fn news(&mut self, news: &News, words: &mut Vec<Word>) {
        match news {
            News::Said { said, .. } if said.mine => {}
            News::Said { said, .. } if self.options.follow && !self.options.json => {
                let message = |line: &String| Word::Message(harmless::line(line).into_owned());
                words.extend(words::plain(said).iter().map(message));
            }
            News::Pending { id, room, text } if self.options.json => {
                words.push(Word::Message(json::pending(id, room, text)));
            }
            News::Unsaid { id, room, text, why } => {
                if self.options.json {
                    words.push(Word::Message(json::failed(id.as_ref(), room, text, why)));
                }
                self.refuse("failed", why, text, words);
            }
            News::Unsure { text, why, .. } => self.refuse("not confirmed", why, text, words),
            News::Lost { why, .. } => {
                if self.options.follow && self.trouble.is_none() {
                    words.push(Word::Trouble(format!("{why}; trying again")));
                }
                self.trouble = Some(why.clone());
            }
            News::Joined { again, .. } => {
                if self.options.follow && *again {
                    words.push(Word::Trouble("connected again".into()));
                }
                self.trouble = None;
            }
            News::Reset { .. } if self.options.follow => {
                let sentence = "messages may be missing here: the server cannot tell them any more";
                words.push(Word::Trouble(sentence.into()));
            }
            News::NotJoined { why, .. } => {
                self.trouble = Some(why.clone());
                self.refused_entry = true;
            }
            News::Trouble(sentence) => words.push(Word::Trouble(sentence.clone())),
            // Of no interest to a program; --json has it all.
            _ => {}
        }
    }

    /// A line will never be confirmed.
    fn refuse(&mut self, what: &str, why: &str, text: &str, words: &mut Vec<Word>) {
        self.refused += 1;
        let beginning: String = text.chars().take(40).collect();
        words.push(Word::Trouble(format!("{what}: {why}: {beginning}")));
    }

    /// How it stands now.
    pub fn standing(&mut self, now: Millis, model: &Model) -> Standing {
        let open = model.unconfirmed();
        if self.refused_entry {
            return Standing::GiveUp;
        }
        if self.ended && open == 0 && !self.options.follow {
            return Standing::Done;
        }
        // The first time in the room, and each confirmation, is progress.
        let confirmed = self.taken.saturating_sub(self.refused + open);
        let inside = model.is_welcome() && model.is_inside();
        let progress = confirmed > self.confirmed || (inside && !self.inside);
        self.confirmed = confirmed;
        self.inside |= inside;
        // Who follows has all the time there is, once it has found the room.
        let follows = self.options.follow && self.inside;
        if follows || (inside && open == 0) {
            self.waits_since = None;
        } else if progress || self.waits_since.is_none() {
            self.waits_since = Some(now);
        }
        match self.deadline() {
            Some(deadline) if now >= deadline => {
                let mute = if self.inside { "the server does not confirm" } else { "no connection in time" };
                self.trouble.get_or_insert_with(|| mute.into());
                Standing::GiveUp
            }
            _ => Standing::GoOn,
        }
    }

    /// When [`Pipe::standing`] has to be asked even if nothing happens.
    #[must_use]
    pub fn deadline(&self) -> Option<Millis> {
        Some(self.waits_since?.plus(self.options.timeout?))
    }

    /// What is to be said at the end; empty if all went well. `open`: how many lines were never confirmed.
    #[must_use]
    pub fn last_words(&self, open: usize, gave_up: bool) -> Vec<String> {
        let mut lines: Vec<String> = self.trouble.iter().filter(|_| gave_up).cloned().collect();
        let lost = open + self.refused;
        if lost > 0 {
            let plural = if self.taken == 1 { "" } else { "s" };
            let rest = if self.ended { "" } else { "; the rest was not read" };
            lines.push(format!("{lost} of {} line{plural} not confirmed{rest}", self.taken));
        }
        lines
    }
}
