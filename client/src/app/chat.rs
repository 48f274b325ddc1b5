//! The model and the link it asks for. Carries out what the model asks; must not know who uses it.

use std::io;
use std::sync::Arc;

use mio::{Registry, Waker};
use protocol::time::Millis;

use super::{Face, LINK};
use crate::link::address::Address;
use crate::link::fault::{Fault, Retry};
use crate::link::{Heard, Link, Options};
use crate::model::news::{Again, Ask, Loss, Msg, Stop};
use crate::model::{Model, Settings};

/// Normal closure (RFC 6455 section 7.4.1).
const NORMAL: u16 = 1000;

/// See the head of this file.
pub(super) struct Chat {
    model: Model,
    address: Address,
    waker: Arc<Waker>,
    link: Option<Link>,
    /// The model wants a link; it is opened at the next turn.
    wants_link: bool,
    /// Something was asked of the link, which does it when it is driven.
    has_work: bool,
    /// We have hung up: what is heard from now on counts for nothing.
    ending: bool,
    stopped: Option<Stop>,
}

impl Chat {
    pub(super) fn new(address: Address, settings: Settings, waker: &Arc<Waker>) -> Self {
        Self {
            model: Model::new(settings),
            address,
            waker: Arc::clone(waker),
            link: None,
            wants_link: false,
            has_work: false,
            ending: false,
            stopped: None,
        }
    }

    pub(super) fn model(&self) -> &Model {
        &self.model
    }

    /// Why it is over, if it is.
    pub(super) fn stopped(&self) -> Option<&Stop> {
        self.stopped.as_ref()
    }

    /// Whether [`Chat::drive`] is due at once.
    pub(super) fn has_work(&self) -> bool {
        self.has_work
    }

    /// Whether we have hung up.
    pub(super) fn is_ending(&self) -> bool {
        self.ending
    }

    /// When [`Chat::drive`] is due even if nothing happens.
    pub(super) fn link_deadline(&self) -> Option<Millis> {
        self.link.as_ref().and_then(Link::deadline)
    }

    /// Something happened: the model takes it in, and what follows is done.
    pub(super) fn update(&mut self, now: Millis, message: Msg<'_>, face: &mut impl Face) {
        for ask in self.model.update(now, message) {
            self.has_work |= matches!(ask, Ask::Connect | Ask::Send(_) | Ask::HangUp);
            match (ask, &mut self.link) {
                (Ask::Connect, _) => self.wants_link = true,
                (Ask::Send(text), Some(link)) => link.send_text(text),
                (Ask::HangUp, Some(link)) => {
                    self.ending = true;
                    link.close(now, NORMAL);
                }
                (Ask::Drop, _) => self.link = None,
                (Ask::Tell(news), _) => face.news(&news, &self.model),
                (Ask::Stop(stop), _) => self.stopped = Some(stop),
                // The model asks for nothing of the sort while there is no link.
                (Ask::Send(_) | Ask::HangUp, None) => {}
            }
        }
    }

    /// Does what can be done on the link. Returns true if there was more to hear than one turn may take.
    pub(super) fn drive(&mut self, now: Millis, registry: &Registry, face: &mut impl Face) -> bool {
        self.has_work = false;
        if std::mem::take(&mut self.wants_link) {
            self.connect(now, registry, face);
        }
        let Some(link) = &mut self.link else { return false };
        let mut heard = Vec::new();
        let more = link.drive(now, &mut heard);
        for heard in heard {
            match heard {
                Heard::Open => self.update(now, Msg::Opened, face),
                Heard::Text(text) => {
                    face.heard(&text);
                    self.update(now, Msg::Heard(&text), face);
                }
                // Snug says nothing that is not text.
                Heard::Binary(_) => {}
                Heard::Lost(fault) => {
                    self.link = None;
                    self.update(now, Msg::Lost(loss(&fault)), face);
                }
            }
        }
        more
    }

    fn connect(&mut self, now: Millis, registry: &Registry, face: &mut impl Face) {
        let address = self.address.clone();
        match Link::open(now, address, Options::default(), registry, LINK, &self.waker) {
            Ok(link) => self.link = Some(link),
            Err(error) => self.update(now, Msg::Lost(no_link(&error)), face),
        }
    }
}

fn no_link(error: &io::Error) -> Loss {
    Loss { why: format!("cannot open a connection: {error}"), again: Again::Soon }
}

fn loss(fault: &Fault) -> Loss {
    let again = match fault.retry() {
        Retry::Soon => Again::Soon,
        Retry::Spread => Again::Spread,
        Retry::Never => Again::Never,
    };
    Loss { why: fault.to_string(), again }
}
