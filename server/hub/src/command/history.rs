//! `history`: asks the store for entries that are older than those one has.

use protocol::chat::name::RoomName;

use super::Ask;
use crate::effect::{Effect, Purpose, Range, Recall};
use crate::fault::Fault;

pub(super) fn history(ask: &mut Ask<'_>, room: RoomName<'_>, before: u64, limit: u32) -> Result<(), Fault> {
    let room = ask.room_inside(Some(room))?;
    ask.effects.push(Effect::Recall(Recall {
        conn: ask.conn,
        room: ask.hub.rooms[room].name.clone(),
        purpose: Purpose::History { id: ask.id.map(|id| id.clone().into_owned()) },
        span: Range::Before { seq: before, limit },
    }));
    Ok(())
}
