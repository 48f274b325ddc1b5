//! Every bound of the wire, each with its reason. Must not know run-time configuration: what a flag can change is
//! passed in where it is used, and the number here is only its default.

/// The longest request head we read, in bytes, blank line included. Browsers with cookies for the same host stay
/// well below; it is also all the memory a stranger gets before the upgrade.
pub const MAX_HEAD: usize = 8 * 1024;

/// The most header lines in a request head. Browsers send about 20.
pub const MAX_HEADERS: usize = 64;

/// The longest request target, in bytes. Room and nick are 96 bytes together, three times that when percent-encoded.
pub const MAX_TARGET: usize = 2 * 1024;

/// The longest message a client may send, in bytes, over all its fragments. A page of text, JSON-escaped.
pub const MAX_MESSAGE: usize = 16 * 1024;

/// The most fragments one message may come in. No client splits a page of text into more.
pub const MAX_FRAGMENTS: u32 = 128;

/// The longest payload of a control frame (RFC 6455 section 5.5).
pub const MAX_CONTROL: usize = 125;

/// The longest room name, in bytes of UTF-8.
pub const MAX_ROOM_NAME: usize = 64;

/// The longest nick, in bytes of UTF-8. Eight wide letters, or thirty-two narrow ones.
pub const MAX_NICK: usize = 32;

/// The longest text of one entry, in bytes: what fits in [`MAX_MESSAGE`] with the JSON around it, unless most of it
/// has to be escaped.
pub const MAX_TEXT: usize = 15 * 1024;

/// The longest topic, in bytes. One line above the conversation.
pub const MAX_TOPIC: usize = 512;

/// The longest `id` of a request, in bytes. A UUID has 36.
pub const MAX_REQUEST_ID: usize = 64;

/// The deepest JSON we follow. Our own vocabulary needs three levels.
pub const MAX_JSON_DEPTH: usize = 8;

/// How many entries a join brings when it does not say.
pub const DEFAULT_LAST: u32 = 50;

/// How many people a list of people names at most. In a larger room only the count is told, so that joining does not
/// cost the square of the number of people.
pub const MAX_PEOPLE_LISTED: usize = 200;
