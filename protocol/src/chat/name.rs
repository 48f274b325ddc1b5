//! Names and text, as types whose constructor is the validation: who holds a [`RoomName`] holds a good room name.
//! Must not know who uses a name, or whether it is taken.
//!
//! A type borrows what it was made from (`RoomName<'a>`) until [`RoomName::into_owned`]; a message that is passed on
//! at once costs no allocation.

use alloc::borrow::Cow;
use alloc::string::String;
use core::fmt;

pub use super::fold::{fold, fold_head, folds_alike};
use super::letters::{is_form, is_mark};
use crate::limits::{MAX_NICK, MAX_ROOM_NAME, MAX_TEXT, MAX_TOPIC};

/// How many marks a letter of a name may have. Hindi and Thai need two; with more, what is written climbs over the lines
/// above it.
const MAX_MARKS: usize = 2;

/// The name of a room: letters, digits and `-_.`, beginning with a letter, a digit or `_`; folded to lower case, so
/// that `Lobby` and `lobby` are one room; at most [`MAX_ROOM_NAME`] bytes. No special forms of letters (wide, raised,
/// in circles), no letters that show nothing, and at most two marks on a letter.
///
/// Names that begin with anything else are reserved: `@` will stand for the room of two persons.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoomName<'a>(Cow<'a, str>);

impl<'a> RoomName<'a> {
    /// Judges and folds `name`.
    ///
    /// # Errors
    /// The first rule that the name breaks.
    pub fn new(name: impl Into<Cow<'a, str>>) -> Result<Self, NameFault> {
        let name = name.into();
        judge_name(&name, MAX_ROOM_NAME)?;
        if name.chars().all(|c| if c.is_ascii() { !c.is_ascii_uppercase() } else { c.to_lowercase().eq([c]) })
        {
            return Ok(Self(name));
        }
        let folded: String = fold(&name).collect();
        // A few letters grow when folded ('İ' becomes two), so the rules are asked again of the result.
        judge_name(&folded, MAX_ROOM_NAME)?;
        Ok(Self(Cow::Owned(folded)))
    }

    /// The folded name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same name, borrowed from this one.
    #[must_use]
    pub fn borrow(&self) -> RoomName<'_> {
        RoomName(Cow::Borrowed(&self.0))
    }

    /// The same name, borrowing nothing.
    #[must_use]
    pub fn into_owned(self) -> RoomName<'static> {
        RoomName(Cow::Owned(self.0.into_owned()))
    }
}

impl fmt::Display for RoomName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A person's nick: the same letters as a [`RoomName`], at most [`MAX_NICK`] bytes, and no mix of Latin with Cyrillic
/// or Greek letters, or of digits of two scripts, which look alike. It keeps its case; two nicks are the same if they
/// [`fold`] alike.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nick<'a>(Cow<'a, str>);

impl<'a> Nick<'a> {
    /// Judges `nick`.
    ///
    /// # Errors
    /// The first rule that the nick breaks.
    pub fn new(nick: impl Into<Cow<'a, str>>) -> Result<Self, NameFault> {
        let nick = nick.into();
        judge_name(&nick, MAX_NICK)?;
        if mixes_scripts(&nick) {
            return Err(NameFault::MixedScripts);
        }
        if mixes_digits(&nick) {
            return Err(NameFault::MixedDigits);
        }
        Ok(Self(nick))
    }

    /// The nick as its owner writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same nick, borrowed from this one.
    #[must_use]
    pub fn borrow(&self) -> Nick<'_> {
        Nick(Cow::Borrowed(&self.0))
    }

    /// The same nick, borrowing nothing.
    #[must_use]
    pub fn into_owned(self) -> Nick<'static> {
        Nick(Cow::Owned(self.0.into_owned()))
    }
}

impl fmt::Display for Nick<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text of an entry: not empty, at most [`MAX_TEXT`] bytes, no control character but newline and tab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text<'a>(Cow<'a, str>);

impl<'a> Text<'a> {
    /// Judges `text`.
    ///
    /// # Errors
    /// The first rule that the text breaks.
    pub fn new(text: impl Into<Cow<'a, str>>) -> Result<Self, TextFault> {
        let text = text.into();
        judge_text(&text, MAX_TEXT)?;
        if text.chars().all(char::is_whitespace) {
            return Err(TextFault::Empty);
        }
        Ok(Self(text))
    }

    /// A topic: one line of at most [`MAX_TOPIC`] bytes. It may be empty, which takes the topic away.
    ///
    /// # Errors
    /// The first rule that the text breaks.
    pub fn topic(text: impl Into<Cow<'a, str>>) -> Result<Self, TextFault> {
        let text = text.into();
        judge_text(&text, MAX_TOPIC)?;
        match text.chars().find(|c| is_line_break(*c)) {
            Some(bad) => Err(TextFault::Control(bad)),
            None => Ok(Self(text)),
        }
    }

    /// The text itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same text, borrowing nothing.
    #[must_use]
    pub fn into_owned(self) -> Text<'static> {
        Text(Cow::Owned(self.0.into_owned()))
    }
}

/// What is wrong with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameFault {
    /// Nothing was given.
    Empty,
    /// More bytes than the limit, which is given.
    TooLong(usize),
    /// It begins with a character that may only stand later, or that is reserved.
    Start(char),
    /// A character that no name may have.
    Character(char),
    /// A special form of a letter or digit, or a letter that shows nothing.
    Form(char),
    /// A mark that stands on no letter, or one too many.
    Marks,
    /// Latin letters beside Cyrillic or Greek ones.
    MixedScripts,
    /// Digits of another script beside 0 to 9 or Latin letters.
    MixedDigits,
}

impl fmt::Display for NameFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("a name cannot be empty"),
            Self::TooLong(limit) => write!(f, "a name has at most {limit} bytes here"),
            Self::Start(c) => write!(f, "a name cannot begin with {}; use a letter or a digit", Visible(*c)),
            Self::Character(c) => {
                write!(f, "a name cannot contain {}; use letters, digits and any of - _ .", Visible(*c))
            }
            Self::Form(c) => {
                write!(
                    f,
                    "a name cannot contain {}, a special form of a letter; use the plain one",
                    Visible(*c)
                )
            }
            Self::Marks => {
                write!(f, "in a name each letter can have {MAX_MARKS} marks, and a mark needs a letter")
            }
            Self::MixedDigits => f.write_str(
                "a nick cannot mix digits of two scripts, or Latin letters with other digits than 0 to 9",
            ),
            Self::MixedScripts => {
                f.write_str("a nick cannot mix Latin letters with Cyrillic or Greek ones, which look alike")
            }
        }
    }
}

/// What is wrong with a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextFault {
    /// Nothing but white space.
    Empty,
    /// More bytes than the limit, which is given.
    TooLong(usize),
    /// A control character.
    Control(char),
}

impl fmt::Display for TextFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("there is nothing to say in an empty text"),
            Self::TooLong(limit) => write!(f, "a text has at most {limit} bytes here"),
            Self::Control(c) => write!(f, "a text cannot contain the control character {}", Visible(*c)),
        }
    }
}

/// Whether a character controls a terminal instead of showing something: C0, DEL and C1.
#[must_use]
pub fn is_control(c: char) -> bool {
    c.is_control()
}

/// Whether a line ends at this character for some program: for a terminal, for JavaScript or for Python's `splitlines`.
#[must_use]
pub fn is_line_break(c: char) -> bool {
    matches!(c, '\n'..='\r' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Whether there is nothing in it but the visible characters of ASCII and spaces. Most text is like that, and this is
/// quicker than looking at characters: no branch in the loop, so the compiler takes many bytes at a time.
#[must_use]
pub fn is_printable_ascii(text: &str) -> bool {
    text.bytes().fold(true, |so_far, byte| so_far & matches!(byte, b' '..=b'~'))
}

/// Shows a character in a sentence: itself in quotes, or its number if it cannot be shown.
struct Visible(char);

impl fmt::Display for Visible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let c = self.0;
        if c.is_ascii_graphic() || (c.is_alphanumeric() && !is_form(c) && !is_mark(c)) {
            return write!(f, "'{c}'");
        }
        if c == ' ' {
            return f.write_str("a space");
        }
        write!(f, "U+{:04X}", u32::from(c))
    }
}

fn judge_name(name: &str, limit: usize) -> Result<(), NameFault> {
    let Some(first) = name.chars().next() else { return Err(NameFault::Empty) };
    if name.len() > limit {
        return Err(NameFault::TooLong(limit));
    }
    if let Some(bad) = name.chars().find(|c| !is_name_character(*c) && *c != first) {
        return Err(NameFault::Character(bad));
    }
    if !first.is_alphanumeric() && first != '_' {
        return Err(NameFault::Start(first));
    }
    if name.is_ascii() {
        return Ok(());
    }
    match name.chars().find(|c| is_form(*c)) {
        Some(form) => Err(NameFault::Form(form)),
        None => judge_marks(name),
    }
}

fn judge_marks(name: &str) -> Result<(), NameFault> {
    // How many may follow: none at the beginning, and none on what is no letter.
    let mut free = 0_usize;
    for c in name.chars() {
        if is_mark(c) {
            free = free.checked_sub(1).ok_or(NameFault::Marks)?;
        } else {
            free = if c.is_alphabetic() { MAX_MARKS } else { 0 };
        }
    }
    Ok(())
}

fn is_name_character(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '-' | '_' | '.')
}

fn judge_text(text: &str, limit: usize) -> Result<(), TextFault> {
    if text.len() > limit {
        return Err(TextFault::TooLong(limit));
    }
    if is_printable_ascii(text) {
        return Ok(());
    }
    match text.chars().find(|c| is_control(*c) && !matches!(c, '\n' | '\t')) {
        Some(bad) => Err(TextFault::Control(bad)),
        None => Ok(()),
    }
}

fn mixes_scripts(name: &str) -> bool {
    let latin = |c: char| {
        c.is_ascii_alphabetic()
            || matches!(c, '\u{C0}'..='\u{24F}' | '\u{1E00}'..='\u{1EFF}' | '\u{FF21}'..='\u{FF5A}')
    };
    let look_alike = |c: char| {
        c.is_alphabetic()
            && matches!(c, '\u{370}'..='\u{52F}' | '\u{1C80}'..='\u{1C8F}' | '\u{1F00}'..='\u{1FFF}' | '\u{2DE0}'..='\u{2DFF}' | '\u{A640}'..='\u{A69F}')
    };
    name.chars().any(latin) && name.chars().any(look_alike)
}

/// Digits of several scripts look alike, and like other things: ৪ is the Bengali 4, ٠ the Arabic 0.
fn mixes_digits(name: &str) -> bool {
    let foreign = |c: char| c.is_numeric() && !c.is_ascii();
    name.chars().any(foreign) && name.chars().any(|c| c.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn good_names() {
        for name in ["lobby", "a", "7", "_x", "ops.night-shift", "küche", "комната", "部屋", "0.1"]
        {
            assert_eq!(RoomName::new(name).map(|n| n.to_string()), Ok(name.to_string()));
            assert_eq!(Nick::new(name).map(|n| n.to_string()), Ok(name.to_string()));
        }
    }

    #[test]
    fn bad_names_and_what_is_said_of_them() {
        let room = |name: &'static str| RoomName::new(name).map_err(|fault| fault.to_string());
        let said = |text: &str| Err(text.to_string());
        assert_eq!(room(""), said("a name cannot be empty"));
        assert_eq!(room("@anna"), said("a name cannot begin with '@'; use a letter or a digit"));
        assert_eq!(room("-x"), said("a name cannot begin with '-'; use a letter or a digit"));
        assert_eq!(room(".."), said("a name cannot begin with '.'; use a letter or a digit"));
        assert_eq!(room("a b"), said("a name cannot contain a space; use letters, digits and any of - _ ."));
        assert_eq!(
            room("a\u{1b}[2J"),
            said("a name cannot contain U+001B; use letters, digits and any of - _ .")
        );
        assert_eq!(
            room("a\u{200b}"),
            said("a name cannot contain U+200B; use letters, digits and any of - _ .")
        );
        assert_eq!(
            room("a\u{202e}"),
            said("a name cannot contain U+202E; use letters, digits and any of - _ .")
        );
        let long = "x".repeat(65);
        assert_eq!(RoomName::new(long.as_str()), Err(NameFault::TooLong(64)));
        assert_eq!(Nick::new("x".repeat(33)), Err(NameFault::TooLong(32)));
    }

    #[test]
    fn text_has_no_control_characters() {
        assert!(Text::new("two\nlines\tand a tab").is_ok());
        assert_eq!(Text::new("\u{1b}[31mred"), Err(TextFault::Control('\u{1b}')));
        assert_eq!(Text::new("\u{9b}31m"), Err(TextFault::Control('\u{9b}')));
        assert_eq!(Text::new("a\rb"), Err(TextFault::Control('\r')));
        assert_eq!(Text::new("\u{7f}"), Err(TextFault::Control('\u{7f}')));
        assert_eq!(Text::new(" \n"), Err(TextFault::Empty));
        assert_eq!(Text::new("x".repeat(MAX_TEXT + 1)), Err(TextFault::TooLong(MAX_TEXT)));
        assert_eq!(Text::topic("a\nb"), Err(TextFault::Control('\n')));
        assert_eq!(Text::topic("a\u{2028}b"), Err(TextFault::Control('\u{2028}')));
        assert!(Text::topic("").is_ok());
    }
}
