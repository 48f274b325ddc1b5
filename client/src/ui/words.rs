//! News as lines of text for people. Must not know where they are shown. Nothing here is harmless yet: the text is what
//! others wrote.

use protocol::chat::event::{Durability, Kind, ResetReason};
use protocol::chat::name::RoomName;
use protocol::chat::slash;
use protocol::time::Span;

use crate::model::news::{News, Said};

/// The lines that tell `news` to somebody who looks at the room `current`. A line that belongs to another room says
/// so.
///
/// `<nick> text` is said by a person, `** nick waves` done; `* …` is a notice and `! …` trouble, which no person can
/// imitate. What one says oneself is marked by the first sign: `* pending: …` while it is not confirmed, `+ …` in its
/// place among the others' when it is stored, `! failed: …` when it was surely not said.
#[must_use]
pub fn lines(news: &News, current: Option<&RoomName<'_>>) -> Vec<String> {
    let label = |room: &RoomName<'_>| match current {
        Some(current) if current == room => String::new(),
        _ => format!("[{room}] "),
    };
    match news {
        News::Welcome { nick, durability, again, taken } => {
            welcome(nick, *durability, *again, taken.as_ref())
        }
        News::Lost { why, retry, spread } => {
            let seconds = |span: Span| span.0.div_ceil(1000);
            let others = spread.map(|over| format!(" (it asked all to spread over {} s)", seconds(over)));
            let others = others.unwrap_or_default();
            let again =
                format!("* trying again in {} s{others}; what you say meanwhile is kept", seconds(*retry));
            vec![format!("! {why}"), again]
        }
        News::Joined { room, people, count, topic, again } => {
            let is_current = current == Some(room);
            let verb = match (again, is_current) {
                (true, _) => "back in",
                (false, true) => "now in",
                (false, false) => "also in",
            };
            let mut lines = vec![format!("* {verb} {room}: {}", there(people.as_deref(), *count))];
            if !topic.is_empty() && !again {
                lines.push(format!("* topic of {room}: {topic}"));
            }
            lines
        }
        News::NotJoined { room, why } => vec![format!("! {room} did not let you in: {why}")],
        News::Left { room } => match current {
            Some(current) => vec![format!("* you have left {room}; now in {current}")],
            None => {
                vec![format!("* you have left {room}; /join ROOM goes to another, /quit leaves for good")]
            }
        },
        News::Switched { room } => vec![format!("* now in {room}")],
        News::Reset { room, reason } => {
            let why = match reason {
                ResetReason::Epoch => "the server has begun a new log",
                ResetReason::Gone => "the server no longer keeps what came in between",
                ResetReason::Ahead => "the server has lost the end of its log",
                ResetReason::Unknown => "the server cannot tell what came in between",
            };
            vec![format!("* {}{why}: messages may be missing here", label(room))]
        }
        News::Said { room, said } => said_lines(said, &label(room), room),
        News::Entered { room, nicks } => vec![format!("* {}{} entered", label(room), list(nicks))],
        News::Went { room, nicks } => vec![format!("* {}{} left", label(room), list(nicks))],
        News::Renamed { was, nick, me: true } => {
            vec![format!("* you are now called {nick} (until now {was})")]
        }
        News::Renamed { was, nick, me: false } => vec![format!("* {was} is now called {nick}")],
        News::People { room, people, count } => {
            vec![format!("* in {room}: {}", there(people.as_deref(), *count))]
        }
        News::Rooms(rooms) if rooms.is_empty() => vec!["* no room has people in it".into()],
        News::Rooms(rooms) => rooms
            .iter()
            .map(|line| match line.topic.as_str() {
                "" => format!("* {} ({})", line.room, line.count),
                topic => format!("* {} ({}): {topic}", line.room, line.count),
            })
            .collect(),
        News::Topic { room, text } if text.is_empty() => vec![format!("* {room} has no topic")],
        News::Topic { room, text } => vec![format!("* topic of {room}: {text}")],
        News::CutShort => vec![
            "* this client did not end well the last time; what it showed last may be shown again".into(),
        ],
        News::Pending { room, text, .. } => vec![format!("* {}pending: {text}", label(room))],
        News::Unsaid { room, text, why, .. } => vec![format!("! {}failed: {why}: {text}", label(room))],
        News::Unsure { room, text, why, .. } => {
            vec![format!("! {}not confirmed, it may be lost: {why}: {text}", label(room))]
        }
        News::Trouble(sentence) => vec![format!("! {sentence}")],
    }
    .into_iter()
    .flat_map(|line| line.split('\n').map(str::to_owned).collect::<Vec<_>>())
    .collect()
}

/// What `/help` tells.
#[must_use]
pub fn help() -> Vec<String> {
    let keys = [
        "//text: say a line that begins with a slash",
        "+ before your own words: they are stored; pending: not confirmed yet; failed: surely not said",
        "Tab completes names, rooms and commands; Up and Down bring back what you typed",
        "Alt-1 to Alt-9, Alt-n, Alt-p: go to another of your rooms; Alt-Enter: begin a new line",
        "Ctrl-C, or Ctrl-D on an empty line: leave",
    ];
    let commands = slash::help(false).map(|command| format!("* {command}"));
    commands.chain(keys.map(|key| format!("* {key}"))).collect()
}

/// An entry as the plain dialect writes it: each line carries the name, so that nobody can forge one.
#[must_use]
pub fn plain(said: &Said) -> Vec<String> {
    match said.kind {
        Kind::Talk => said.text.split('\n').map(|line| format!("<{}> {line}", said.nick)).collect(),
        Kind::Me => said.text.split('\n').map(|line| format!("<{}> /me {line}", said.nick)).collect(),
        Kind::Topic | Kind::Unknown => Vec::new(),
    }
}

/// What is said at the end of so many things that are not confirmed. `kept`: the next run will send them.
#[must_use]
pub fn unconfirmed(count: usize, kept: bool) -> Option<String> {
    Some(match (count, kept) {
        (0, _) => return None,
        (1, true) => "1 message is pending; it is kept, and sent when you come back".into(),
        (1, false) => "1 message was not confirmed; it may be lost".into(),
        (count, true) => format!("{count} messages are pending; they are kept, and sent when you come back"),
        (count, false) => format!("{count} messages were not confirmed; they may be lost"),
    })
}

fn welcome(
    nick: &str,
    durability: Durability,
    again: bool,
    taken: Option<&protocol::chat::name::Nick<'_>>,
) -> Vec<String> {
    let taken = taken.map(|taken| format!(" ({taken} is taken)")).unwrap_or_default();
    if again {
        return vec![format!("* connected again as {nick}{taken}")];
    }
    let mut lines = vec![format!("* you are {nick}{taken}; /help lists the commands")];
    if durability == Durability::Memory {
        lines.push("* messages are kept in memory only: gone when the server stops".into());
    }
    lines
}

fn said_lines(said: &Said, label: &str, room: &RoomName<'_>) -> Vec<String> {
    let Said { nick, text, .. } = said;
    let tick = if said.mine { "+ " } else { "" };
    match said.kind {
        Kind::Talk => text.split('\n').map(|line| format!("{tick}{label}<{nick}> {line}")).collect(),
        Kind::Me => text.split('\n').map(|line| format!("{tick}{label}** {nick} {line}")).collect(),
        Kind::Topic if text.is_empty() => {
            vec![format!("{tick}* {label}{nick} took the topic of {room} away")]
        }
        Kind::Topic => vec![format!("{tick}* {label}{nick} set the topic of {room}: {text}")],
        Kind::Unknown => Vec::new(),
    }
}

fn there(people: Option<&[String]>, count: u32) -> String {
    match people {
        Some([_]) => "nobody else is here".into(),
        Some(people) if !people.is_empty() => list(people),
        _ => format!("{count} people"),
    }
}

fn list(nicks: &[String]) -> String {
    nicks.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::chat::id::RequestId;

    fn room(name: &'static str) -> RoomName<'static> {
        RoomName::new(name).expect("a room name")
    }

    fn said(kind: Kind, text: &str) -> Said {
        Said { seq: 1, nick: "bob".into(), text: text.into(), kind, mine: false }
    }

    #[test]
    fn what_somebody_in_the_lobby_reads() {
        let lobby = room("lobby");
        let id = RequestId::new("1").expect("an id");
        let nicks = |nicks: &[&str]| nicks.iter().map(|nick| (*nick).to_owned()).collect::<Vec<_>>();
        let talk = |room: RoomName<'static>, text: &str| News::Said { room, said: said(Kind::Talk, text) };
        for (news, read) in [
            (talk(lobby.clone(), "hi"), "<bob> hi"),
            (talk(room("ops"), "hi"), "[ops] <bob> hi"),
            (talk(lobby.clone(), "one\n<alice> two"), "<bob> one/<bob> <alice> two"),
            (News::Said { room: lobby.clone(), said: said(Kind::Me, "waves") }, "** bob waves"),
            (
                News::Said { room: lobby.clone(), said: said(Kind::Topic, "tea") },
                "* bob set the topic of lobby: tea",
            ),
            (News::Entered { room: lobby.clone(), nicks: nicks(&["amy", "ben"]) }, "* amy, ben entered"),
            (News::Went { room: room("ops"), nicks: nicks(&["amy"]) }, "* [ops] amy left"),
            (News::Renamed { was: "amy".into(), nick: "ann".into(), me: false }, "* amy is now called ann"),
            (
                News::Lost { why: "the connection broke".into(), retry: Span(1200), spread: None },
                "! the connection broke/* trying again in 2 s; what you say meanwhile is kept",
            ),
            (
                News::Lost { why: "the server stops".into(), retry: Span(1200), spread: Some(Span::secs(9)) },
                "! the server stops/* trying again in 2 s (it asked all to spread over 9 s); what you say meanwhile is \
                 kept",
            ),
            (
                News::Joined {
                    room: lobby.clone(),
                    people: Some(nicks(&["amy", "bob"])),
                    count: 2,
                    topic: "tea".into(),
                    again: false,
                },
                "* now in lobby: amy, bob/* topic of lobby: tea",
            ),
            (
                News::Joined {
                    room: lobby.clone(),
                    people: None,
                    count: 300,
                    topic: String::new(),
                    again: true,
                },
                "* back in lobby: 300 people",
            ),
            (
                News::Said { room: lobby.clone(), said: Said { mine: true, ..said(Kind::Talk, "one\ntwo") } },
                "+ <bob> one/+ <bob> two",
            ),
            (
                News::Said { room: room("ops"), said: Said { mine: true, ..said(Kind::Me, "waves") } },
                "+ [ops] ** bob waves",
            ),
            (News::Pending { id: id.clone(), room: lobby.clone(), text: "hi".into() }, "* pending: hi"),
            (News::Pending { id: id.clone(), room: room("ops"), text: "hi".into() }, "* [ops] pending: hi"),
            (
                News::Unsaid {
                    id: Some(id.clone()),
                    room: lobby.clone(),
                    text: "hi".into(),
                    why: "the store is full".into(),
                },
                "! failed: the store is full: hi",
            ),
            // Not known to have failed: it may well be stored.
            (
                News::Unsure {
                    id,
                    room: lobby.clone(),
                    text: "hi".into(),
                    why: "you have left the room".into(),
                },
                "! not confirmed, it may be lost: you have left the room: hi",
            ),
        ] {
            assert_eq!(lines(&news, Some(&lobby)).join("/"), read);
        }
    }

    #[test]
    fn help_names_every_command() {
        let help = help().join("\n");
        for command in slash::help(false) {
            assert!(help.contains(command.name), "{help}");
        }
    }
}
