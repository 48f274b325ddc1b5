//! A nick as tables and entries keep it. Must not know whose it is.

use alloc::boxed::Box;
use core::ops::Deref;
use core::str;

use protocol::chat::name::{Nick, fold_head};
use protocol::limits::MAX_NICK;

/// A nick in 16 bytes. Up to 14 bytes lie in place, which is what most people have, and guests; a longer one is boxed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmallNick(Place);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Short(Letters<14>),
    Long(Box<Letters<MAX_NICK>>),
}

/// Text of at most `N` bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Letters<const N: usize> {
    length: u8,
    bytes: [u8; N],
}

impl SmallNick {
    /// How many bytes it has. To look at them takes 130 instructions, since they are proved to be text once more.
    #[must_use]
    pub fn size(&self) -> usize {
        match &self.0 {
            Place::Short(letters) => letters.length.into(),
            Place::Long(letters) => letters.length.into(),
        }
    }

    /// The beginning of it as a number to sort by ([`fold_head`]).
    pub(crate) fn head(&self) -> u128 {
        match &self.0 {
            Place::Short(letters) => letters.head(),
            Place::Long(letters) => letters.head(),
        }
    }
}

/// The nick as its owner writes it.
impl Deref for SmallNick {
    type Target = str;

    fn deref(&self) -> &str {
        match &self.0 {
            Place::Short(letters) => letters.as_str(),
            Place::Long(letters) => letters.as_str(),
        }
    }
}

impl From<&Nick<'_>> for SmallNick {
    fn from(nick: &Nick<'_>) -> Self {
        nick.as_str().into()
    }
}

/// A text that was a nick once, as a store gives it back: it is not judged again. Nicks have at most [`MAX_NICK`] bytes;
/// what is longer is cut there, between two characters.
impl From<&str> for SmallNick {
    fn from(text: &str) -> Self {
        const { assert!(MAX_NICK <= u8::MAX as usize) };
        Self(Letters::new(text).map_or_else(|| Place::Long(Box::new(Letters::cut(text))), Place::Short))
    }
}

impl<const N: usize> Letters<N> {
    /// `None` if it is longer.
    fn new(text: &str) -> Option<Self> {
        let mut bytes = [0; N];
        bytes.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        Some(Self { length: u8::try_from(text.len()).ok()?, bytes })
    }

    fn cut(text: &str) -> Self {
        let fits = (0..=N).rev().find_map(|end| Self::new(text.get(..end)?));
        fits.unwrap_or(Self { length: 0, bytes: [0; N] })
    }

    fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..usize::from(self.length)).unwrap_or_default();
        str::from_utf8(bytes).unwrap_or_default()
    }

    /// See [`SmallNick::head`].
    fn head(&self) -> u128 {
        // Behind a short nick there are zeros.
        let mut head = [0; 16];
        head.iter_mut().zip(self.bytes).for_each(|(to, from)| *to = from);
        match head.is_ascii() {
            true => lower(u128::from_be_bytes(head)),
            false => fold_head(self.as_str()),
        }
    }
}

/// Sixteen characters of ASCII in lower case, at once: one by one took 190 instructions.
fn lower(letters: u128) -> u128 {
    const EACH: u128 = u128::MAX / 255;
    // The high bit of each byte, which ASCII leaves free, says whether it is at least 'A', and whether it is above 'Z'.
    let from_a = letters + EACH * (0x80 - b'A' as u128);
    let above_z = letters + EACH * (0x7f - b'Z' as u128);
    letters | (from_a & !above_z & (EACH * 0x80)) >> 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_short(nick: &SmallNick) -> bool {
        matches!(nick.0, Place::Short(_))
    }

    #[test]
    #[cfg(target_pointer_width = "64")]
    fn it_is_small() {
        assert_eq!(size_of::<SmallNick>(), 16);
    }

    #[test]
    fn a_short_nick_lies_in_place_and_a_long_one_does_not() {
        let (short, long) = (["a", "Bo", "Людмила", "Fourteen-bytes"], ["Fifteen-bytes-x", "Ωμέγα7-Ωμέ"]);
        let longest = ["sixteen-letters-Ö", "x123456789012345678901234567890x"];
        for name in short.into_iter().chain(long).chain(longest) {
            let nick = SmallNick::from(&Nick::new(name).unwrap());
            assert_eq!((&*nick, nick.size(), nick.head()), (name, name.len(), fold_head(name)));
            assert_eq!(is_short(&nick), short.contains(&name), "{name}");
        }
    }

    #[test]
    fn what_no_nick_can_be_is_cut_between_characters() {
        let longest = "x".repeat(MAX_NICK);
        assert_eq!(&*SmallNick::from(&*(longest.clone() + "y")), longest);
        assert_eq!(&*SmallNick::from(&*("x".repeat(MAX_NICK - 1) + "ö")), "x".repeat(MAX_NICK - 1));
        assert_eq!((&*SmallNick::from(""), &*SmallNick::from("*")), ("", "*"));
    }

    #[test]
    fn letters_are_lowered_at_once() {
        for start in (0..=112).step_by(16) {
            let letters: [u8; 16] = core::array::from_fn(|n| start + n as u8);
            assert_eq!(
                lower(u128::from_be_bytes(letters)).to_be_bytes(),
                letters.map(|c| c.to_ascii_lowercase())
            );
        }
    }
}
