//! Tab: completes commands, rooms and nicks, and goes round among several. Must not know where the names come from.

use protocol::chat::name::fold;
use protocol::chat::slash::COMMANDS;

use super::editor::Editor;

/// The names there are.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// Nicks, those who spoke last first.
    pub nicks: Vec<String>,
    /// Rooms.
    pub rooms: Vec<String>,
}

/// A completion that goes on with the next Tab.
#[derive(Clone, Debug)]
pub struct Round {
    from: usize,
    candidates: Vec<String>,
    shown: usize,
}

impl Round {
    /// Begins to complete the word before the cursor; `None` if there is nothing to complete it with.
    pub fn start(editor: &mut Editor, names: &Names) -> Option<Self> {
        let before = editor.text().get(..editor.cursor())?;
        let from = before.rfind(char::is_whitespace).map_or(0, |space| {
            space + before.get(space..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8)
        });
        let (context, word) = (before.get(..from)?, before.get(from..)?);
        let candidates = candidates(context, word, names);
        let first = candidates.first()?.clone();
        editor.replace(from, editor.cursor(), &first);
        Some(Self { from, candidates, shown: 0 })
    }

    /// The next one, or the one before.
    pub fn turn(&mut self, editor: &mut Editor, back: bool) {
        let count = self.candidates.len();
        self.shown = if back { self.shown + count - 1 } else { self.shown + 1 } % count;
        let Some(next) = self.candidates.get(self.shown) else { return };
        editor.replace(self.from, editor.cursor(), next);
    }
}

fn candidates(context: &str, word: &str, names: &Names) -> Vec<String> {
    if context.is_empty()
        && let Some(start) = word.strip_prefix('/')
    {
        let commands = COMMANDS.iter().filter(|command| command.client && begins(command.name, start));
        return commands.map(|command| format!("/{} ", command.name)).collect();
    }
    let command = context.trim_end();
    if matches!(command, "/join" | "/leave" | "/who") {
        return names.rooms.iter().filter(|room| begins(room, word)).cloned().collect();
    }
    if word.is_empty() {
        return Vec::new();
    }
    // Whom a line begins with is spoken to.
    let after = if context.is_empty() { ": " } else { " " };
    let nicks = names.nicks.iter().filter(|nick| begins(nick, word)).map(|nick| format!("{nick}{after}"));
    nicks.chain(names.rooms.iter().filter(|room| begins(room, word)).map(|room| format!("{room} "))).collect()
}

/// Whether a name begins so, capitals or not.
fn begins(name: &str, start: &str) -> bool {
    let mut name = fold(name);
    fold(start).all(|c| name.next() == Some(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line, and what the n-th Tab makes of it.
    fn tab(line: &str, tabs: usize) -> String {
        let names = Names {
            nicks: ["Alice", "albert", "Бob", "bob"].map(String::from).into(),
            rooms: ["lobby", "ops", "ops-night", "küche"].map(String::from).into(),
        };
        let cursor = line.find('|').expect("a cursor");
        let mut editor = Editor::default();
        editor.set(&line.replace('|', ""));
        while editor.cursor() > cursor {
            editor.edit(super::super::editor::Edit::Left);
        }
        if let Some(mut round) = Round::start(&mut editor, &names) {
            (1..tabs).for_each(|_| round.turn(&mut editor, false));
        }
        let mut drawn = editor.text().to_owned();
        drawn.insert(editor.cursor(), '|');
        drawn
    }

    #[test]
    fn commands() {
        assert_eq!(tab("/j|", 1), "/join |");
        assert_eq!(tab("/|", 2), "/leave |");
        assert_eq!(tab("/x|", 1), "/x|");
        assert_eq!(tab("say /j|", 1), "say /j|");
    }

    #[test]
    fn rooms() {
        assert_eq!(tab("/join o|", 1), "/join ops|");
        assert_eq!(tab("/join o|", 2), "/join ops-night|");
        assert_eq!(tab("/join o|", 3), "/join ops|");
        assert_eq!(tab("/join KÜ|", 1), "/join küche|");
        assert_eq!(tab("/join |", 1), "/join lobby|");
    }

    #[test]
    fn nicks() {
        assert_eq!(tab("al|", 1), "Alice: |");
        assert_eq!(tab("al|", 2), "albert: |");
        assert_eq!(tab("al|", 3), "Alice: |");
        assert_eq!(tab("ask AL| about it", 1), "ask Alice | about it");
        assert_eq!(tab("see lob|", 1), "see lobby |");
        assert_eq!(tab("|", 1), "|");
        assert_eq!(tab("hello |", 1), "hello |");
    }

    #[test]
    fn back_again() {
        let names = Names { nicks: ["a1", "a2", "a3"].map(String::from).into(), rooms: vec![] };
        let mut editor = Editor::default();
        editor.set("a");
        let mut round = Round::start(&mut editor, &names).expect("something begins with a");
        round.turn(&mut editor, true);
        assert_eq!(editor.text(), "a3: ");
    }
}
