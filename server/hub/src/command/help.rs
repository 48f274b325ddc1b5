//! `help`: what can be asked? Also for those that have no nick yet, who need it most.

use protocol::chat::event::Event;

use super::Ask;
use crate::fault::Fault;

pub(super) fn help(ask: &mut Ask<'_>) -> Result<(), Fault> {
    if !ask.is_plain() {
        ask.person()?;
    }
    ask.answer(Event::Help);
    Ok(())
}
