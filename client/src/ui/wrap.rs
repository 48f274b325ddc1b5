//! Breaks a line that is too long for the terminal where its words end: terminals break it anywhere. Must not know what
//! it says, or who shows it.

use unicode_width::UnicodeWidthStr;

/// What a further row begins with. No person's line and no notice begins so: nobody can write a line that, broken,
/// looks like another's.
const INDENT: &str = "  ";

/// On a terminal that is narrower, next to no word fits; it breaks lines as it likes.
const NARROWEST: usize = 20;

/// How wide a tab may be.
const TAB: usize = 8;

/// The rows of one line, for a terminal of so many columns. The last column stays free, since terminals disagree about
/// what happens there. A word that fits into no row, such as a URL, stays where it is, for the terminal to break: so it
/// can still be clicked on and copied.
#[must_use]
pub fn rows(line: &str, columns: usize) -> Vec<String> {
    let room = columns.saturating_sub(1);
    if columns < NARROWEST || width(line) <= room {
        return vec![line.to_owned()];
    }
    let mut rows = Vec::new();
    let mut row = String::new();
    for word in words(line) {
        let is_first = row.trim().is_empty();
        let wide = width(word.trim_end());
        if !is_first && width(&row) + wide > room && INDENT.len() + wide <= room {
            row.truncate(row.trim_end().len());
            rows.push(std::mem::replace(&mut row, INDENT.to_owned()));
        }
        row.push_str(word);
    }
    rows.push(row);
    rows
}

/// The words of a line, each with the spaces behind it; put together they are the line.
fn words(line: &str) -> impl Iterator<Item = &str> {
    let mut rest = line;
    std::iter::from_fn(move || {
        let word = rest.find(' ').unwrap_or(rest.len());
        let spaces = rest.get(word..)?.find(|c| c != ' ').unwrap_or(rest.len() - word);
        let (next, after) = rest.split_at(word + spaces);
        rest = after;
        (!next.is_empty()).then_some(next)
    })
}

fn width(text: &str) -> usize {
    text.split('\t').map(UnicodeWidthStr::width).sum::<usize>() + TAB * text.matches('\t').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_broken_where_its_words_end() {
        for (line, drawn) in [
            ("", [""].as_slice()),
            ("* short", &["* short"]),
            ("* 34567890123456789012", &["* 34567890123456789012"]),
            ("* nineteen columns 9", &["* nineteen columns", "  9"]),
            (
                "* the server stops, perhaps to start again",
                &["* the server stops,", "  perhaps to start", "  again"],
            ),
            ("* many     spaces     here     and there", &["* many     spaces", "  here     and", "  there"]),
            ("<amy>   indented text that goes on", &["<amy>   indented", "  text that goes on"]),
            (
                "! see https://example.org/a/long/path now",
                &["! see https://example.org/a/long/path", "  now"],
            ),
            ("* 部屋部屋部屋 部屋部屋", &["* 部屋部屋部屋", "  部屋部屋"]),
            ("* behind a\ttab it is full", &["* behind", "  a\ttab it", "  is full"]),
            ("       only spaces at its ends       ", &["       only spaces", "  at its ends       "]),
        ] {
            assert_eq!(rows(line, 20), drawn, "{line:?}");
        }
    }

    #[test]
    fn no_word_is_lost_and_no_further_row_looks_like_a_line() {
        let words = ["a", "<amy>", "*", "!", "longer", "部屋", "x".repeat(30).leak(), "", " "];
        let mut random = crate::model::random::Random::new([5; 4]);
        for columns in (0..30).chain([80, 200]) {
            for _ in 0..200 {
                let line: Vec<&str> =
                    (0..random.below(20)).map(|_| words[random.below(9) as usize]).collect();
                let line = line.join(" ");
                let rows = rows(&line, columns);
                let together = rows.join(" ");
                assert!(
                    together.split_whitespace().eq(line.split_whitespace()),
                    "{columns} {line:?} {rows:?}"
                );
                assert!(rows[1..].iter().all(|row| row.starts_with(INDENT)), "{columns} {line:?} {rows:?}");
                let is_too_wide = |row: &&String| width(row.trim_end()) >= columns;
                let has_no_choice = |row: &String| row.split(' ').any(|word| width(word) + 3 > columns);
                let mut wide = rows.iter().filter(is_too_wide);
                assert!(columns < NARROWEST || wide.all(has_no_choice), "{columns} {line:?} {rows:?}");
            }
        }
    }
}
