//! Identifiers: who somebody is, which log a number belongs to, which request is answered.
//! Must not know how random bytes are made: they are handed in.

use alloc::borrow::Cow;
use alloc::string::String;
use core::fmt;

use sha2::{Digest, Sha256};

use super::name::{Nick, fold};
use crate::limits::MAX_REQUEST_ID;

/// What stands before the nick where somebody who has no key is made from it. With it that is longer than the 16 bytes of
/// a key, so that nobody who has a key is made from the same bytes.
const KEYLESS: &str = "snug: keyless, by nick: ";

/// The secret that makes two connections one person. The client keeps it and shows it to nobody but the server.
///
/// 128 random bits, written as 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SessionKey(pub [u8; 16]);

impl SessionKey {
    /// Reads the 32 hexadecimal digits; `None` if it is anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        parse_hex(text).map(Self)
    }

    /// The public form of this person: nobody can get back from it to the key.
    #[must_use]
    pub fn user(&self) -> UserId {
        UserId::of(Sha256::digest(self.0).into())
    }
}

/// A session key never shows itself by accident, as in a log line.
impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey(..)")
    }
}

impl fmt::Display for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

/// Who somebody is, in public: the first 80 bits of the SHA-256 of the session key, as 20 hexadecimal digits.
/// It stays when the nick changes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId(pub [u8; 10]);

impl UserId {
    /// Whoever posts without a session: a person for each nick, in whatever case it is written; nobody who has a key.
    #[must_use]
    pub fn keyless(nick: &Nick<'_>) -> Self {
        let folded: String = fold(nick.as_str()).collect();
        Self::of(Sha256::new().chain_update(KEYLESS).chain_update(folded).finalize().into())
    }

    /// Appends the 20 hexadecimal digits.
    pub fn append_to(self, out: &mut String) {
        out.push_str(hex(&self.0, &mut Room([0; 32])));
    }

    fn of(digest: [u8; 32]) -> Self {
        let mut user = [0; 10];
        for (to, from) in user.iter_mut().zip(digest) {
            *to = from;
        }
        Self(user)
    }

    /// Reads the 20 hexadecimal digits; `None` if it is anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        parse_hex(text).map(Self)
    }
}

impl fmt::Debug for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

/// One unbroken life of the logs: a new random one at every start of the server. A number means something only
/// together with the epoch it was given in. 16 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Epoch(pub [u8; 8]);

impl Epoch {
    /// Reads the 16 hexadecimal digits; `None` if it is anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        parse_hex(text).map(Self)
    }
}

impl fmt::Debug for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

/// The `id` of a request, chosen by the client: 1 to [`MAX_REQUEST_ID`] visible ASCII characters. The answer echoes
/// it. In `say` and `topic` it is also the key that makes resending safe.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId<'a>(Cow<'a, str>);

impl<'a> RequestId<'a> {
    /// Judges `id`; `None` if it is empty, too long, or has other characters.
    #[must_use]
    pub fn new(id: impl Into<Cow<'a, str>>) -> Option<Self> {
        let id = id.into();
        let good = !id.is_empty() && id.len() <= MAX_REQUEST_ID && id.bytes().all(|b| b.is_ascii_graphic());
        good.then_some(Self(id))
    }

    /// The id as the client wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same id, borrowed from this one.
    #[must_use]
    pub fn borrow(&self) -> RequestId<'_> {
        RequestId(Cow::Borrowed(&self.0))
    }

    /// The same id, borrowing nothing.
    #[must_use]
    pub fn into_owned(self) -> RequestId<'static> {
        RequestId(Cow::Owned(self.0.into_owned()))
    }
}

impl fmt::Display for RequestId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn write_hex(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    f.write_str(hex(bytes, &mut Room([0; 32])))
}

/// The digits of at most 16 bytes. All at once: to format each byte by itself took 150 instructions a byte, and three
/// identifiers were a fifth of a handshake.
fn hex<'r>(bytes: &[u8], room: &'r mut Room) -> &'r str {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (pair, byte) in room.0.chunks_exact_mut(2).zip(bytes) {
        pair.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
    let digits = room.0.get(..bytes.len() * 2).unwrap_or_default();
    core::str::from_utf8(digits).unwrap_or_default()
}

/// Aligned, since what begins at a whole word is checked to be UTF-8 by whole words.
#[repr(align(16))]
struct Room([u8; 32]);

/// Lower case only, so that one thing has one spelling.
fn parse_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |d: u8| match d {
        b'0'..=b'9' => Some(d - b'0'),
        b'a'..=b'f' => Some(d - b'a' + 10),
        _ => None,
    };
    if text.len() != N * 2 {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

/// Writes any identifier into a string, for types that keep text.
#[must_use]
pub fn text(id: impl fmt::Display) -> String {
    alloc::format!("{id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_the_beginning_of_the_sha256_of_its_key() {
        // SHA-256 of sixteen zero bytes begins 374708fff7719dd5979e (FIPS 180-4, checked with coreutils).
        assert_eq!(text(SessionKey([0; 16]).user()), "374708fff7719dd5979e");
    }

    #[test]
    fn who_has_no_key_is_known_by_nick() {
        let user = |nick| text(UserId::keyless(&Nick::new(nick).unwrap()));
        // SHA-256 of "snug: keyless, by nick: nas", by coreutils.
        assert_eq!(user("nas"), "10ff87e6920e0e816f16");
        assert_eq!(user("NAS"), user("nas"));
        assert_ne!(user("nas2"), user("nas"));
        assert!(KEYLESS.len() > size_of::<SessionKey>(), "and is never hashed from what could be a key");
    }

    #[test]
    fn one_thing_has_one_spelling() {
        let key = "000102030405060708090a0b0c0d0e0f";
        assert_eq!(SessionKey::parse(key).map(text), Some(key.into()));
        for bad in
            ["", "00", &key[1..], "000102030405060708090A0B0C0D0E0F", "0001020304050607é8090a0b0c0d0e0"]
        {
            assert_eq!(SessionKey::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_key_does_not_show_itself() {
        assert_eq!(alloc::format!("{:?}", SessionKey([7; 16])), "SessionKey(..)");
    }

    #[test]
    fn request_ids() {
        assert!(RequestId::new("c56a4180-65aa-42ec-a945-5fd21dec0538").is_some());
        for bad in ["", "two words", "é", "a\n"] {
            assert_eq!(RequestId::new(bad), None);
        }
        assert_eq!(RequestId::new("x".repeat(MAX_REQUEST_ID + 1)), None);
    }
}
