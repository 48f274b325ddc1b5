//! When the loop writes to the disk, and what waits for it: what is said goes out only after it is kept. Must not know
//! what is said, nor how it is kept.
//!
//! All that comes in during one turn is one write and one fsync(2), so a flood of piped lines is kept in portions. A
//! line that is typed waits for the disk alone: a few milliseconds.

use protocol::chat::id::{RequestId, SessionKey};
use protocol::chat::request::Envelope;
use protocol::time::{Millis, Span};

use super::face::Wanted;
use crate::args::{Config, ROOM};
use crate::model::room::Room;
use crate::model::{Kept, Model};
use crate::state::folder::{self, Fault, Folder};
use crate::state::{Difference, Keeper, Name};

/// How often it is written, at most, how far the rooms were read. A crash shows again what came in since.
const PLACES: Span = Span::secs(5);

/// See the head of this file.
pub(super) struct Safe {
    keeper: Option<Keeper<Folder>>,
    /// What may go out once all that was kept is on the disk.
    held: Vec<String>,
    /// Whether it is kept in which rooms we are, and how far they were read.
    notes_rooms: bool,
    noted: Millis,
    /// When it is next written how far the rooms were read; `None` if nothing has changed.
    due: Option<Millis>,
}

/// What an earlier run has left behind.
#[derive(Default)]
pub(super) struct Found {
    pub(super) session: Option<SessionKey>,
    pub(super) kept: Kept,
    /// Why nothing can be kept, if somebody should know.
    pub(super) fault: Option<String>,
}

impl Safe {
    /// Opens the file for this server, this nick and, for piped lines, this room.
    pub(super) fn open(config: &Config, wanted: Wanted, nick: Option<&str>) -> (Self, Found) {
        let mut safe =
            Self { keeper: None, held: Vec::new(), notes_rooms: false, noted: Millis(0), due: None };
        // Whoever follows runs for days, and would keep the file from those who have something to say.
        if config.follow {
            return (safe, Found::default());
        }
        safe.notes_rooms = wanted == Wanted::Plain;
        let room = config.rooms.first().map_or(ROOM, |room| room.as_str());
        let file = folder::file_name(&config.server.to_string(), nick, (!safe.notes_rooms).then_some(room));
        let opened = folder::folder(|name| std::env::var_os(name))
            .and_then(|path| Folder::open(path, file))
            .and_then(|folder| {
                let path = folder.path(Name::Journal);
                Keeper::open(folder).map_err(|error| Fault::Io { path, error })
            });
        match opened {
            Ok((keeper, session, kept)) => {
                safe.keeper = Some(keeper);
                (safe, Found { session, kept, fault: None })
            }
            // For a program, its exit code says all; only what is broken should be repaired.
            Err(Fault::NoHome | Fault::InUse) if !safe.notes_rooms => (safe, Found::default()),
            Err(fault) => (safe, Found { fault: Some(sentence(&fault)), ..Found::default() }),
        }
    }

    pub(super) fn keep(&mut self, session: SessionKey, envelope: Envelope<'static>) {
        if let Some(keeper) = &mut self.keeper {
            keeper.keep(session, envelope);
        }
    }

    pub(super) fn forget(&mut self, id: &RequestId<'static>) {
        if let Some(keeper) = &mut self.keeper {
            keeper.forget(id);
        }
    }

    /// What may be sent at once; the rest is held.
    pub(super) fn pass(&mut self, text: String) -> Option<String> {
        if self.keeper.as_ref().is_some_and(Keeper::is_urgent) {
            self.held.push(text);
            return None;
        }
        Some(text)
    }

    /// Puts on the disk what was kept. Returns what may go out now, and why nothing can be kept any more.
    pub(super) fn settle(&mut self) -> (Vec<String>, Option<String>) {
        let fault = self.keeper.as_mut().and_then(|keeper| {
            let error = keeper.settle().err()?;
            let path = keeper.disk().path(Name::Journal);
            Some(sentence(&Fault::Io { path, error }))
        });
        if fault.is_some() {
            self.keeper = None;
        }
        (std::mem::take(&mut self.held), fault)
    }

    /// There is another link: what was held for the old one is sent again anyway.
    pub(super) fn drop_held(&mut self) {
        self.held.clear();
    }

    /// Notes how far the rooms were read, if it is time. All that the model has told must have been shown by now.
    pub(super) fn note(&mut self, now: Millis, rooms: &[Room]) {
        let Some(keeper) = self.keeper.as_mut().filter(|_| self.notes_rooms) else { return };
        self.due = match keeper.differs(rooms) {
            Difference::None => None,
            Difference::Rooms => Some(now),
            Difference::Places => Some(self.noted.plus(PLACES)),
        };
        if self.due.is_some_and(|due| now >= due) {
            keeper.note(rooms);
            (self.noted, self.due) = (now, None);
        }
    }

    /// When [`Safe::note`] is due.
    pub(super) fn deadline(&self) -> Option<Millis> {
        self.due.filter(|_| self.keeper.is_some())
    }

    /// The end of a run that ends as it should. Returns whether what is not confirmed is kept for the next one.
    pub(super) fn end(mut self, model: &Model, is_shown: bool) -> bool {
        let Some(keeper) = &mut self.keeper else { return false };
        match self.notes_rooms {
            true => {
                if is_shown {
                    keeper.note(model.rooms());
                }
                keeper.end();
            }
            // Whoever piped the lines in is told by the exit code, and may try again: that must not say them twice.
            false => keeper.give_back(),
        }
        keeper.settle().is_ok() && self.notes_rooms
    }
}

fn sentence(fault: &Fault) -> String {
    format!("cannot keep what is said: {fault}")
}
