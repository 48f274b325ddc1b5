//! Draws the line being typed into one row of the terminal. Must not know keys or messages.
//!
//! It has to be right on a serial console and for a screen reader, so it uses next to nothing: text, CR, BS, and, if
//! the terminal is not dumb, "erase to the end of the line" and "cursor left". What has not changed is not drawn
//! again; at 1200 baud that is the difference between typing and waiting. A long line scrolls sideways within the row,
//! so nothing depends on how a terminal wraps. The last column stays free, because terminals disagree about what
//! happens there.
//!
//! Terminals also disagree about the width of emoji that are made of several characters. A row with such a thing is
//! drawn anew each time, and its cursor is placed by drawing the beginning once more: wherever the terminal then
//! thinks it is, that is the right place.

use std::fmt::Write;

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use super::harmless;

/// One grapheme as it is drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Cell {
    drawn: String,
    width: usize,
}

/// What stands in the row now, and where the cursor is.
#[derive(Clone, Debug)]
pub struct Row {
    columns: usize,
    dumb: bool,
    cells: Vec<Cell>,
    /// How many of the cells are left of the cursor.
    cursor: usize,
    /// The first cell of the text that is shown: how far it is scrolled.
    scrolled: usize,
}

impl Row {
    /// An empty row of a terminal with so many columns.
    #[must_use]
    pub fn new(columns: u16, dumb: bool) -> Self {
        Self { columns: usize::from(columns), dumb, cells: Vec::new(), cursor: 0, scrolled: 0 }
    }

    /// The terminal has another width now.
    pub fn resize(&mut self, columns: u16) {
        self.columns = usize::from(columns);
    }

    /// How many columns the terminal has.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Appends what makes the row show `prompt` and `text`, with the cursor before the byte `cursor` of the text.
    pub fn draw(&mut self, prompt: &str, text: &str, cursor: usize, out: &mut String) {
        let (before, after) = text.split_at_checked(cursor).unwrap_or((text, ""));
        let (mut typed, rest) = (cells(before), cells(after));
        let typed_before = typed.len();
        typed.extend(rest);
        let mut wanted = fitting(cells(prompt), self.columns * 2 / 3);
        let room = self.columns.saturating_sub(1 + width(&wanted)).max(1);
        self.scroll(&typed, typed_before, room);
        let start = wanted.len();
        let shown = window(&typed, self.scrolled, room);
        let cursor = start + typed_before.saturating_sub(self.scrolled).min(shown.len());
        wanted.extend(shown);
        self.change(wanted, cursor, out);
    }

    /// Appends what makes the row empty, with the cursor at its beginning.
    pub fn erase(&mut self, out: &mut String) {
        if !self.cells.is_empty() {
            out.push('\r');
            self.clear_rest(width(&self.cells), out);
        }
        self.forget();
    }

    /// The cursor is at the beginning of a row that is empty, or of whose contents nothing is known.
    pub fn forget(&mut self) {
        self.cells.clear();
        self.cursor = 0;
    }

    /// Scrolls as little as is needed to have the cursor in sight, but then by half a row: a row that moves with each
    /// key is hard to read and slow to draw.
    fn scroll(&mut self, typed: &[Cell], cursor: usize, room: usize) {
        if width(typed) <= room {
            self.scrolled = 0;
            return;
        }
        // Marks at both ends may take a column each, and the cell under the cursor may be two wide.
        let sight = room.saturating_sub(4).max(1);
        let span = |from: usize| typed.get(from..cursor).map_or(0, width);
        if self.scrolled > 0 && cursor <= self.scrolled + 1 {
            self.scrolled = step_back(typed, cursor, room / 2);
        } else if span(self.scrolled) > sight {
            self.scrolled = step_back(typed, cursor, (room / 2).min(sight));
        }
    }

    fn change(&mut self, wanted: Vec<Cell>, cursor: usize, out: &mut String) {
        let doubtful = |cells: &[Cell]| cells.iter().any(Cell::is_doubtful);
        let old = width(&self.cells);
        let new = width(&wanted);
        if wanted == self.cells && cursor == self.cursor {
            return;
        }
        if doubtful(&wanted) || doubtful(&self.cells) {
            out.push('\r');
            put(&wanted, out);
            self.clear_rest(old.saturating_sub(new).max(if self.dumb { 4 } else { 1 }), out);
            out.push('\r');
            put(&wanted[..cursor.min(wanted.len())], out);
        } else {
            let same = self.cells.iter().zip(&wanted).take_while(|(old, new)| old == new).count();
            let mut at = self.cursor;
            if wanted.len() != same || self.cells.len() != same {
                at = self.go(at, same, out);
                put(&wanted[at..], out);
                at = wanted.len();
                self.clear_rest(old.saturating_sub(new), out);
            }
            self.cells = wanted.clone();
            self.go(at, cursor, out);
        }
        self.cells = wanted;
        self.cursor = cursor;
    }

    /// Moves the cursor from one cell to another; to the right by drawing what stands there.
    fn go(&self, from: usize, to: usize, out: &mut String) -> usize {
        if to >= from {
            put(self.cells.get(from..to).unwrap_or_default(), out);
            return to;
        }
        let columns = width(self.cells.get(to..from).unwrap_or_default());
        if self.dumb || columns < 4 {
            out.extend(std::iter::repeat_n('\x08', columns));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "\x1b[{columns}D");
        }
        to
    }

    /// Clears what stands behind the cursor, which is `columns` wide.
    fn clear_rest(&self, columns: usize, out: &mut String) {
        if columns == 0 {
            return;
        }
        if self.dumb {
            out.extend(std::iter::repeat_n(' ', columns));
            out.extend(std::iter::repeat_n('\x08', columns));
        } else {
            out.push_str("\x1b[K");
        }
    }
}

impl Cell {
    /// What stands for something that is cut off.
    fn mark(mark: &str, width: usize) -> Self {
        let width = width.max(1);
        Self { drawn: format!("{mark:width$}"), width }
    }

    /// Whether terminals may disagree about its width.
    fn is_doubtful(&self) -> bool {
        !self.drawn.is_ascii() && self.drawn.chars().nth(1).is_some()
    }
}

fn cells(text: &str) -> Vec<Cell> {
    let cell = |grapheme: &str| {
        let mut drawn = String::new();
        // A tab is shown as well: it would move the cursor to where only the terminal knows.
        grapheme.chars().for_each(|c| harmless::show(c, &mut drawn));
        let width = drawn.width();
        Cell { drawn, width }
    };
    text.graphemes(true).map(cell).collect()
}

fn width(cells: &[Cell]) -> usize {
    cells.iter().map(|cell| cell.width).sum()
}

fn put(cells: &[Cell], out: &mut String) {
    cells.iter().for_each(|cell| out.push_str(&cell.drawn));
}

/// As many of the last cells as fit: of a long prompt the end tells more.
fn fitting(cells: Vec<Cell>, room: usize) -> Vec<Cell> {
    let from = step_back(&cells, cells.len(), room);
    cells.into_iter().skip(from).collect()
}

/// The cell that is at most `columns` to the left of the cell `at`.
fn step_back(cells: &[Cell], at: usize, columns: usize) -> usize {
    let mut left = columns;
    let mut from = at;
    while let Some(cell) = from.checked_sub(1).and_then(|before| cells.get(before)) {
        if cell.width > left {
            break;
        }
        left -= cell.width;
        from -= 1;
    }
    from
}

/// The cells from `from` on that fit, with a mark where something is cut off.
fn window(cells: &[Cell], from: usize, room: usize) -> Vec<Cell> {
    let mut shown = Vec::new();
    let mut left = room;
    for (at, cell) in cells.iter().enumerate().skip(from) {
        // The mark is as wide as what it covers, so that the cursor stays where it belongs.
        let covered = at == from && from > 0;
        let cell = if covered { Cell::mark("<", cell.width) } else { cell.clone() };
        let is_last = at + 1 == cells.len();
        if cell.width + usize::from(!is_last) > left {
            if left > 0 {
                shown.push(Cell::mark(">", 1));
            }
            break;
        }
        left -= cell.width;
        shown.push(cell);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A row of an imagined terminal that knows CR, BS and the two sequences; each cell is a column.
    struct Screen {
        row: Row,
        columns: Vec<String>,
        at: usize,
        bytes: usize,
    }

    impl Screen {
        fn new(columns: u16, dumb: bool) -> Self {
            Self { row: Row::new(columns, dumb), columns: Vec::new(), at: 0, bytes: 0 }
        }

        /// Draws `> ` and a line whose cursor is drawn into it; returns the row with the cursor drawn into it.
        fn draw(&mut self, line: &str) -> String {
            let cursor = line.find('|').expect("a cursor");
            let mut out = String::new();
            self.row.draw("> ", &line.replace('|', ""), cursor, &mut out);
            self.take(&out);
            self.bytes = out.len();
            self.seen()
        }

        fn seen(&self) -> String {
            let mut seen: Vec<&str> = self.columns.iter().map(String::as_str).collect();
            while seen.len() > self.at && seen.last() == Some(&" ") {
                seen.pop();
            }
            seen.insert(self.at.min(seen.len()), "|");
            seen.concat()
        }

        fn take(&mut self, out: &str) {
            let mut rest = out;
            while let Some(c) = rest.chars().next() {
                if let Some(sequence) = rest.strip_prefix("\x1b[") {
                    let end = sequence.find(|c: char| c.is_ascii_alphabetic()).expect("a whole sequence");
                    match &sequence[end..=end] {
                        "K" => self.columns.truncate(self.at),
                        "D" => self.at -= sequence[..end].parse::<usize>().expect("a number"),
                        other => panic!("unexpected sequence {other}"),
                    }
                    rest = &sequence[end + 1..];
                    continue;
                }
                match c {
                    '\r' => self.at = 0,
                    '\x08' => self.at -= 1,
                    c if c.is_control() => panic!("unexpected control character {c:?}"),
                    c => {
                        let text = c.to_string();
                        for column in 0..text.width() {
                            if self.columns.len() == self.at {
                                self.columns.push(String::new());
                            }
                            self.columns[self.at] = if column == 0 { text.clone() } else { String::new() };
                            self.at += 1;
                        }
                        assert!(
                            self.at < self.row.columns.max(2),
                            "the last column stays free: {:?}",
                            self.seen()
                        );
                    }
                }
                rest = &rest[c.len_utf8()..];
            }
        }
    }

    #[test]
    fn typing_costs_a_byte_a_key() {
        for dumb in [false, true] {
            let mut screen = Screen::new(80, dumb);
            assert_eq!(screen.draw("h|"), "> h|");
            assert_eq!(screen.draw("he|"), "> he|");
            assert_eq!(screen.bytes, 1);
            assert_eq!(screen.draw("hello|"), "> hello|");
            assert_eq!(screen.draw("hel|lo"), "> hel|lo");
            assert_eq!(screen.bytes, 2);
            assert_eq!(screen.draw("helX|lo"), "> helX|lo");
            assert_eq!(screen.draw("|helXlo"), "> |helXlo");
            assert_eq!(screen.draw("helXlo|"), "> helXlo|");
            assert_eq!(screen.draw("helX|"), "> helX|");
            assert_eq!(screen.draw("|"), "> |");
        }
    }

    #[test]
    fn a_dumb_terminal_gets_no_escape() {
        let mut row = Row::new(80, true);
        let mut out = String::new();
        row.draw("> ", "hello world", 2, &mut out);
        row.draw("> ", "hello", 0, &mut out);
        row.erase(&mut out);
        assert!(!out.contains('\x1b'), "{out:?}");
    }

    #[test]
    fn wide_letters_take_two_columns() {
        let mut screen = Screen::new(80, false);
        assert_eq!(screen.draw("部屋|"), "> 部屋|");
        assert_eq!(screen.draw("部|屋"), "> 部|屋");
        assert_eq!(screen.bytes, 2);
        assert_eq!(screen.draw("部x|屋"), "> 部x|屋");
    }

    #[test]
    fn what_cannot_be_seen_is_shown() {
        let mut screen = Screen::new(80, false);
        assert_eq!(screen.draw("two\nlines|"), "> two^Jlines|");
        assert_eq!(screen.draw("two\n|lines"), "> two^J|lines");
        assert_eq!(screen.draw("a\ttab\u{202e}|"), "> a^Itab<U+202E>|");
    }

    #[test]
    fn a_long_line_scrolls() {
        let mut screen = Screen::new(16, false);
        assert_eq!(screen.draw("abcdefghijklm|"), "> abcdefghijklm|");
        assert_eq!(screen.draw("abcdefghijklmn|"), "> <jklmn|");
        assert_eq!(screen.draw("abcdefghijklmnopq|"), "> <jklmnopq|");
        assert_eq!(screen.draw("abcdefghijklm|nopq"), "> <jklm|nopq");
        assert_eq!(screen.draw("abcdefghi|jklmnopq"), "> <efghi|jklmno>");
        assert_eq!(screen.draw("|abcdefghijklmnopq"), "> |abcdefghijkl>");
    }

    #[test]
    fn any_width_and_any_text() {
        let texts = ["a", "部", "e\u{301}", "\u{301}", "👨‍👩‍👧", "🇩🇪", "\n", "\u{202e}", "bc "];
        let mut random = crate::model::random::Random::new([9; 4]);
        for columns in (0..8).chain([20, 80]) {
            let mut row = Row::new(columns, columns % 2 == 0);
            for _ in 0..300 {
                let text: String = (0..random.below(30)).map(|_| texts[random.below(9) as usize]).collect();
                let cursor = text.grapheme_indices(true).map(|(at, _)| at).nth(random.below(30) as usize);
                let mut out = String::new();
                row.draw("lobby> ", &text, cursor.unwrap_or(text.len()), &mut out);
                let cells = width(&row.cells);
                assert!(cells < usize::from(columns).max(4), "{columns} {text:?} {out:?}");
                assert!(row.cursor <= row.cells.len());
            }
        }
    }
}
