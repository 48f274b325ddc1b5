//! `quit`: ends the connection politely. Its rooms learn it when it is closed.

use protocol::ws::CloseCode;

use super::Ask;
use crate::effect::Effect;
use crate::fault::Fault;

pub(super) fn quit(ask: &mut Ask<'_>) -> Result<(), Fault> {
    if !ask.is_plain() {
        ask.person()?;
    }
    ask.effects.push(Effect::Hangup { conn: ask.conn, code: CloseCode::NORMAL, reason: "bye" });
    Ok(())
}
