//! The chat's two dialects: what is taken can be written again and means the same, what is refused has an answer, and
//! whatever is told, no line of the plain dialect begins otherwise than it may.
//!
//! Input: one text message.

use protocol::chat::event::{Entry, Event, Failure, Kind, Message};
use protocol::chat::id::RequestId;
use protocol::chat::name::{is_control, is_line_break};
use protocol::chat::request::{Envelope, Request};
use protocol::chat::{plain, slash, wire};

/// The target `chat_json`: the message is read as a request, and as an event.
pub fn check_json(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match wire::read_request(text) {
        Ok(envelope) => taken(text, &envelope),
        Err(failure) => refused(failure),
    }
    match wire::read_event(text) {
        Ok(event) => told(&event),
        Err(fault) => assert!(!fault.to_string().is_empty()),
    }
}

/// The target `chat_plain`: the message is what somebody types.
pub fn check_plain(data: &[u8]) {
    let Ok(typed) = std::str::from_utf8(data) else { return };
    let _ = slash::parse(typed).map_err(|fault| assert!(!fault.to_string().contains(is_line_break)));
    match plain::read(typed) {
        Ok(Request::Say { text, action, .. }) => {
            let said = read_back(text.as_str(), action);
            assert_eq!(said, text.as_str().replace(['\u{2028}', '\u{2029}'], "\n"));
        }
        Ok(request) => {
            assert!(typed.starts_with('/'), "a command without a slash");
            // Without a room, or if only this dialect has it, JSON has no place for it.
            let envelope = Envelope { id: None, request };
            let mut json = String::new();
            wire::write_request(&envelope, &mut json);
            assert!(wire::read_request(&json).is_err() || wire::read_request(&json) == Ok(envelope));
        }
        Err(failure) => {
            assert!(
                !typed.starts_with("//") || failure.code.as_str() == "bad_text",
                "a literal is no command"
            );
            refused(failure);
        }
    }
}

fn taken(text: &str, envelope: &Envelope<'_>) {
    let mut again = String::new();
    wire::write_request(envelope, &mut again);
    assert_eq!(wire::read_request(&again).as_ref(), Ok(envelope));
    let newer = text.replacen('{', r#"{"from a newer version":[{"a":null}],"#, 1);
    assert_eq!(wire::read_request(&newer).as_ref(), Ok(envelope), "unknown fields are ignored");
}

fn refused(failure: Failure<'_>) {
    assert!(!failure.text.is_empty() && failure.text.len() < 400, "a sentence");
    assert!(!failure.text.contains(is_control), "{:?}", failure.text);
    assert!(failure.id.as_deref().is_none_or(|id| RequestId::new(id).is_some()));
    let event = Event::Error(failure);
    told(&event);
    assert_eq!(plain_lines(&event).len(), 1);
}

fn told(event: &Event<'_>) {
    let mut json = String::new();
    wire::write_event(event, &mut json);
    assert_eq!(wire::read_event(&json).as_ref(), Ok(event));
    for line in plain_lines(event) {
        assert!(["<", "* ", "! ", "+ "].iter().any(|begin| line.starts_with(begin)), "{line:?}");
        assert!(!line.contains(|c| is_control(c) && c != '\t'), "{line:?}");
    }
}

/// The lines as the most suspicious reader splits them.
fn plain_lines(event: &Event<'_>) -> Vec<String> {
    let mut frame = String::new();
    if !plain::write(event, &mut frame) {
        assert!(frame.is_empty());
        return Vec::new();
    }
    frame.split(is_line_break).map(str::to_owned).collect()
}

/// What a reader makes of the lines that are told of this text.
fn read_back(text: &str, action: bool) -> String {
    let kind = if action { Kind::Me } else { Kind::Talk };
    let (user, nick) = ("b0b00000000000000000".into(), "bob".into());
    let entry = Entry { seq: 1, user, nick, text: text.into(), time: 0, kind, id: None };
    let lines = plain_lines(&Event::Message(Message { room: "lobby".into(), entry }));
    let mut said = Vec::new();
    for (i, line) in lines.iter().enumerate() {
        let line = line.strip_prefix("<bob> ").expect("a line of bob's");
        let acted = line.strip_prefix("/me ");
        assert_eq!(acted.is_some(), action && i == 0, "{line:?}");
        said.push(match (acted, line.strip_prefix('/')) {
            (Some(rest), _) => rest,
            (None, Some(rest)) => {
                assert!(rest.starts_with('/'), "{line:?}");
                rest
            }
            (None, None) => line,
        });
    }
    said.join("\n")
}
