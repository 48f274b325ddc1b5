//! What this client itself tells a program in JSON, beside the server's events: that a line is pending, or has failed.
//! That it is stored, the server's `stored` says. Must not know how the server's events look.

use std::fmt::Write;

use protocol::chat::id::RequestId;
use protocol::chat::name::RoomName;

use crate::ui::harmless;

/// A line is taken and not confirmed yet.
pub(super) fn pending(id: &RequestId<'_>, room: &RoomName<'_>, text: &str) -> String {
    object("pending", &[("id", Some(id.as_str())), ("room", Some(room.as_str())), ("text", Some(text))])
}

/// A line was surely not said.
pub(super) fn failed(id: Option<&RequestId<'_>>, room: &RoomName<'_>, text: &str, why: &str) -> String {
    let id = id.map(RequestId::as_str);
    object("failed", &[("id", id), ("room", Some(room.as_str())), ("text", Some(text)), ("why", Some(why))])
}

fn object(kind: &str, fields: &[(&str, Option<&str>)]) -> String {
    let mut out = String::from("{\"type\":");
    string(kind, &mut out);
    for (name, value) in fields {
        let Some(value) = value else { continue };
        out.push(',');
        string(name, &mut out);
        out.push(':');
        string(value, &mut out);
    }
    out.push('}');
    harmless::json(&out).into_owned()
}

/// RFC 8259 section 7.
fn string(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\0'..='\x1f' => {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::chat::event::Event;
    use protocol::chat::wire;

    #[test]
    fn objects() {
        let (id, room) = (RequestId::new("7f").expect("an id"), RoomName::new("ops").expect("a room"));
        let text = "a \"b\" \\ \u{1b}[2J\nü\u{202e}";
        let written = r#"a \"b\" \\ \u001b[2J\u000aü\u202e"#;
        assert_eq!(
            pending(&id, &room, text),
            format!(r#"{{"type":"pending","id":"7f","room":"ops","text":"{written}"}}"#)
        );
        let failed = failed(None, &room, "x", "the disk is full");
        assert_eq!(failed, r#"{"type":"failed","room":"ops","text":"x","why":"the disk is full"}"#);
        // Whoever reads the server's events reads these too, as two that it does not know.
        for text in [pending(&id, &room, text), failed] {
            assert!(matches!(wire::read_event(&text), Ok(Event::Unknown)), "{text}");
        }
    }
}
