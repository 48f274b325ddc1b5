//! The line that is being typed, and the emacs keys that change it. Must not know how it is drawn, or what becomes of
//! it. The cursor always stands between two graphemes: what looks like one letter is one.

use unicode_segmentation::{GraphemeCursor, UnicodeSegmentation};

/// The longest line, in bytes: that of the longest paste. Far beyond what a server takes, so that a person can still
/// shorten it.
pub const MAX_LINE: usize = 64 * 1024;

/// A line and a cursor in it.
#[derive(Clone, Debug, Default)]
pub struct Editor {
    text: String,
    /// In bytes, at the beginning of a grapheme or the end of the text.
    cursor: usize,
    /// What was killed last, for `C-y`.
    killed: String,
    /// The last thing done was to kill: the next kill adds to it.
    killing: bool,
}

/// A change of the line, or a move in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit {
    /// `C-b`, left arrow.
    Left,
    /// `C-f`, right arrow.
    Right,
    /// `M-b`, `C-left`.
    WordLeft,
    /// `M-f`, `C-right`.
    WordRight,
    /// `C-a`, Home.
    Home,
    /// `C-e`, End.
    End,
    /// Backspace.
    DeleteBack,
    /// `C-d`, Delete.
    Delete,
    /// `C-k`.
    KillToEnd,
    /// `C-u`.
    KillToStart,
    /// `C-w`: back to white space.
    KillBackToSpace,
    /// `M-Backspace`: back to the beginning of a word.
    KillWordBack,
    /// `M-d`.
    KillWord,
    /// `C-y`.
    Yank,
    /// `C-t`.
    Transpose,
}

impl Editor {
    /// What has been typed.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where the cursor is, in bytes.
    #[must_use]
    pub fn cursor(&self) -> usize {
        self.cursor
    }

    /// Puts text in at the cursor; false if there is no room for it.
    pub fn insert(&mut self, text: &str) -> bool {
        self.killing = false;
        if self.text.len() + text.len() > MAX_LINE {
            return false;
        }
        self.text.insert_str(self.cursor, text);
        self.cursor += text.len();
        self.settle();
        true
    }

    /// Replaces the line; the cursor goes to its end.
    pub fn set(&mut self, text: &str) {
        self.killing = false;
        text.clone_into(&mut self.text);
        self.cursor = self.text.len();
    }

    /// Replaces a part of the line; the cursor goes behind it.
    pub fn replace(&mut self, from: usize, to: usize, text: &str) {
        self.killing = false;
        self.text.replace_range(from..to, text);
        self.cursor = from + text.len();
        self.settle();
    }

    /// Takes the line away.
    pub fn take(&mut self) -> String {
        self.killing = false;
        self.cursor = 0;
        std::mem::take(&mut self.text)
    }

    /// Does one edit.
    pub fn edit(&mut self, edit: Edit) {
        let (cursor, end) = (self.cursor, self.text.len());
        let was_killing = std::mem::replace(&mut self.killing, false);
        match edit {
            Edit::Left => self.cursor = self.before(cursor),
            Edit::Right => self.cursor = self.after(cursor),
            Edit::WordLeft => self.cursor = self.word_start(cursor),
            Edit::WordRight => self.cursor = self.word_end(cursor),
            Edit::Home => self.cursor = 0,
            Edit::End => self.cursor = end,
            Edit::DeleteBack => self.delete(self.before(cursor), cursor),
            Edit::Delete => self.delete(cursor, self.after(cursor)),
            Edit::KillToEnd => self.kill(cursor, end, was_killing),
            Edit::KillToStart => self.kill(0, cursor, was_killing),
            Edit::KillBackToSpace => self.kill(self.space_before(cursor), cursor, was_killing),
            Edit::KillWordBack => self.kill(self.word_start(cursor), cursor, was_killing),
            Edit::KillWord => self.kill(cursor, self.word_end(cursor), was_killing),
            Edit::Yank => {
                let killed = self.killed.clone();
                self.insert(&killed);
            }
            Edit::Transpose => self.transpose(),
        }
    }

    fn delete(&mut self, from: usize, to: usize) {
        self.text.replace_range(from..to, "");
        self.cursor = from;
        self.settle();
    }

    fn kill(&mut self, from: usize, to: usize, go_on: bool) {
        let killed = self.text.get(from..to).unwrap_or_default().to_owned();
        match (go_on, from < self.cursor) {
            (false, _) => self.killed = killed,
            (true, true) => self.killed.insert_str(0, &killed),
            (true, false) => self.killed.push_str(&killed),
        }
        self.delete(from, to);
        self.killing = true;
    }

    /// Swaps the graphemes around the cursor, or the last two at the end of the line.
    fn transpose(&mut self) {
        let middle = if self.cursor == self.text.len() { self.before(self.cursor) } else { self.cursor };
        let (from, to) = (self.before(middle), self.after(middle));
        if from == middle || middle == to {
            return;
        }
        let swapped = format!("{}{}", &self.text[middle..to], &self.text[from..middle]);
        self.replace(from, to, &swapped);
    }

    /// After a change the cursor may stand within a grapheme, as when an accent joins its letter.
    fn settle(&mut self) {
        let mut graphemes = GraphemeCursor::new(self.cursor, self.text.len(), true);
        if !graphemes.is_boundary(&self.text, 0).unwrap_or(true) {
            self.cursor = self.after(self.cursor);
        }
    }

    fn before(&self, at: usize) -> usize {
        let mut graphemes = GraphemeCursor::new(at, self.text.len(), true);
        graphemes.prev_boundary(&self.text, 0).ok().flatten().unwrap_or(0)
    }

    fn after(&self, at: usize) -> usize {
        let mut graphemes = GraphemeCursor::new(at, self.text.len(), true);
        graphemes.next_boundary(&self.text, 0).ok().flatten().unwrap_or(self.text.len())
    }

    fn word_start(&self, at: usize) -> usize {
        let words = self.text.get(..at).unwrap_or_default().split_word_bound_indices().rev();
        words.into_iter().find(|(_, word)| is_word(word)).map_or(0, |(from, _)| from)
    }

    fn word_end(&self, at: usize) -> usize {
        let mut words = self.text.get(at..).unwrap_or_default().split_word_bound_indices();
        words.find(|(_, word)| is_word(word)).map_or(self.text.len(), |(from, word)| at + from + word.len())
    }

    fn space_before(&self, at: usize) -> usize {
        let before = self.text.get(..at).unwrap_or_default();
        let word = before.trim_end();
        word.rfind(char::is_whitespace).map_or(0, |space| {
            space + word.get(space..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8)
        })
    }
}

fn is_word(word: &str) -> bool {
    word.chars().any(char::is_alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::Edit::*;
    use super::*;

    /// A line with its cursor drawn: `hel|lo`.
    fn line(drawn: &str) -> Editor {
        let cursor = drawn.find('|').expect("a cursor");
        Editor { text: drawn.replace('|', ""), cursor, ..Editor::default() }
    }

    fn drawn(editor: &Editor) -> String {
        let mut text = editor.text.clone();
        text.insert(editor.cursor, '|');
        text
    }

    /// The line before, what is done, the line after.
    fn check(before: &str, edits: &[Edit], after: &str) {
        let mut editor = line(before);
        for edit in edits {
            editor.edit(*edit);
        }
        assert_eq!(drawn(&editor), after, "{before} {edits:?}");
    }

    #[test]
    fn moving() {
        check("hel|lo", &[Left], "he|llo");
        check("hel|lo", &[Right], "hell|o");
        check("|hello", &[Left], "|hello");
        check("hello|", &[Right], "hello|");
        check("hel|lo", &[Home], "|hello");
        check("hel|lo", &[End], "hello|");
        check("one two, three|", &[WordLeft], "one two, |three");
        check("one two, |three", &[WordLeft], "one |two, three");
        check("one| two, three", &[WordRight], "one two|, three");
        check("one two|, ...", &[WordRight], "one two, ...|");
    }

    #[test]
    fn deleting_and_killing() {
        check("hel|lo", &[DeleteBack], "he|lo");
        check("hel|lo", &[Delete], "hel|o");
        check("|hello", &[DeleteBack], "|hello");
        check("hello|", &[Delete], "hello|");
        check("hel|lo", &[KillToEnd], "hel|");
        check("hel|lo", &[KillToStart], "|lo");
        check("cat /var/log|", &[KillBackToSpace], "cat |");
        check("cat /var/log  |x", &[KillBackToSpace], "cat |x");
        check("cat /var/log|", &[KillWordBack], "cat /var/|");
        check("|one two", &[KillWord], "| two");
    }

    #[test]
    fn yanking_what_was_killed() {
        check("hel|lo", &[KillToEnd, Home, Yank], "lo|hel");
        check("one two three|", &[KillBackToSpace, KillBackToSpace, Yank, Yank], "one two threetwo three|");
        check("a b|c d", &[KillToEnd, KillToStart, Yank], "a bc d|");
        check("one two|", &[KillBackToSpace, Left, KillBackToSpace, Yank], "one| ");
        check("x|", &[Yank], "x|");
    }

    #[test]
    fn transposing() {
        check("ab|", &[Transpose], "ba|");
        check("a|bc", &[Transpose], "ba|c");
        check("|ab", &[Transpose], "|ab");
        check("a|", &[Transpose], "a|");
    }

    #[test]
    fn what_looks_like_one_letter_is_one() {
        check("e\u{301}|x", &[Left], "|e\u{301}x");
        check("👨‍👩‍👧|", &[DeleteBack], "|");
        check("|👨‍👩‍👧x", &[Right], "👨‍👩‍👧|x");
        check("部屋|", &[DeleteBack], "部|");
        check("🇩🇪🇫🇷|", &[Left], "🇩🇪|🇫🇷");
        // An accent joins the letter before it; a letter taken away lets two flags' halves meet.
        let mut editor = line("e|x");
        editor.insert("\u{301}");
        assert_eq!(drawn(&editor), "e\u{301}|x");
        let mut editor = line("|\u{301}x");
        editor.insert("e");
        assert_eq!(drawn(&editor), "e\u{301}|x");
        check("🇩x|🇪", &[DeleteBack], "🇩🇪|");
    }

    #[test]
    fn a_line_has_a_bound() {
        let mut editor = Editor::default();
        assert!(editor.insert(&"x".repeat(MAX_LINE)));
        assert!(!editor.insert("y"));
        assert_eq!(editor.take().len(), MAX_LINE);
        assert!(editor.insert("y"));
    }

    #[test]
    fn no_edit_can_break_it() {
        const ALL: [Edit; 15] = [
            Left,
            Right,
            WordLeft,
            WordRight,
            Home,
            End,
            DeleteBack,
            Delete,
            KillToEnd,
            KillToStart,
            KillBackToSpace,
            KillWordBack,
            KillWord,
            Yank,
            Transpose,
        ];
        let texts = ["a", " ", "é", "e\u{301}", "\u{301}", "👨‍👩‍👧", "🇩", "屋", "\n", "\u{200d}", "\u{3000}x"];
        let mut random = crate::model::random::Random::new([5; 4]);
        let mut editor = Editor::default();
        for _ in 0..20_000 {
            match random.below(2) {
                0 => drop(editor.insert(texts[random.below(11) as usize])),
                _ => editor.edit(ALL[random.below(15) as usize]),
            }
            if editor.text.len() > 200 {
                editor.take();
            }
            let boundary =
                GraphemeCursor::new(editor.cursor, editor.text.len(), true).is_boundary(&editor.text, 0);
            assert_eq!(boundary, Ok(true), "{editor:?}");
        }
    }
}
