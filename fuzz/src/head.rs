//! The request head: any chopping gives the same, what is accepted has one meaning, what is refused has an answer.
//!
//! Input: what a client sends.

use protocol::http::{Head, HeadBuffer, Refusal};
use protocol::limits::{MAX_HEAD, MAX_HEADERS, MAX_TARGET};
use protocol::upgrade;

use crate::chance::Chance;

/// The target.
pub fn check(data: &[u8]) {
    let whole = collect(data, || usize::MAX);
    assert_eq!(collect(data, || 1), whole, "byte by byte");
    let mut chance = Chance::of(data);
    assert_eq!(collect(data, || 1 + chance.below(60)), whole, "in random pieces");

    // Reading bytes that no buffer went over must be as safe.
    let _ = Head::parse(data).map(|head| judge(data, &head));
    match whole {
        Ok(Some((head, behind))) => {
            assert_eq!([&head[..], &behind[..]].concat(), data, "bytes were lost");
            match Head::parse(&head) {
                Ok(parsed) => {
                    assert!(head.len() <= MAX_HEAD);
                    judge(&head, &parsed);
                }
                Err(refusal) => answered(refusal),
            }
        }
        Ok(None) => assert!(data.len() < MAX_HEAD, "waits for more than it will take"),
        Err(refusal) => answered(refusal),
    }
}

/// A head and what lay behind it.
type Collected = Option<(Vec<u8>, Vec<u8>)>;

fn collect(data: &[u8], mut piece: impl FnMut() -> usize) -> Result<Collected, Refusal> {
    let mut data = data.to_vec();
    let mut rest = &mut data[..];
    let mut buffer = HeadBuffer::new();
    while !rest.is_empty() {
        let (mut input, behind) = rest.split_at_mut(piece().clamp(1, rest.len()));
        rest = behind;
        if buffer.feed(&mut input, MAX_HEAD)? {
            return Ok(Some((buffer.bytes().to_vec(), [&*input, &*rest].concat())));
        }
        assert!(input.is_empty(), "asks for more and leaves bytes");
    }
    Ok(None)
}

/// Looks at an accepted head with other eyes: no parser, only lines.
fn judge(bytes: &[u8], head: &Head<'_>) {
    assert!(bytes.ends_with(b"\r\n\r\n"));
    assert!(!bytes.contains(&0));
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.trim_end_matches("\r\n").split("\r\n");
    let first = lines.next().unwrap_or_default();
    assert!(!text.replace("\r\n", "").contains(['\r', '\n']), "a bare line ending");

    let query = first.split(' ').nth(1).and_then(|target| target.split_once('?')).map(|(_, query)| query);
    let target = [Some(head.path()), query].into_iter().flatten().collect::<Vec<_>>().join("?");
    let version = if head.is_http_1_1() { "1.1" } else { "1.0" };
    assert_eq!(first, format!("{} {target} HTTP/{version}", head.method()));
    assert!(target.starts_with('/') && target.len() <= MAX_TARGET && target.is_ascii());
    assert_eq!(head.segments().count(), head.path().matches('/').count());

    let headers: Vec<(String, &str)> = lines
        .map(|line| line.split_once(':').expect("a header without a colon"))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim_matches([' ', '\t'])))
        .collect();
    assert!(headers.len() <= MAX_HEADERS);
    let values = |name: &str| -> Vec<&str> {
        headers.iter().filter(|(other, _)| other == name).map(|(_, value)| *value).collect()
    };
    for (name, _) in &headers {
        assert!(!name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic()), "{name:?}");
    }
    assert!(values("host").len() <= 1 && (!head.is_http_1_1() || values("host") == [head.host()]));
    assert!(values("transfer-encoding").is_empty());
    assert!(values("origin").len() <= 1 && values("origin").first().copied() == head.origin());
    for length in values("content-length") {
        assert!(length.bytes().all(|b| b.is_ascii_digit()));
        assert!(head.method() != "GET" || length.bytes().all(|b| b == b'0'), "a body");
    }

    match upgrade::judge(head) {
        Ok(upgrade) => {
            assert_eq!((head.method(), head.is_http_1_1()), ("GET", true));
            assert_eq!(values("sec-websocket-version"), ["13"]);
            assert!(values("sec-websocket-key").len() == 1 && values("sec-websocket-key")[0].len() == 24);
            let chosen = upgrade.protocols().next();
            let mut out = Vec::new();
            upgrade.accept(chosen, &mut out);
            let out = String::from_utf8(out).expect("ASCII");
            assert_eq!(out.matches("\r\n").count(), if chosen.is_some() { 6 } else { 5 }, "{out}");
        }
        Err(refusal) => answered(refusal),
    }
    let own = upgrade::Origins::default().judge(head);
    assert!(head.origin().is_some() || own.is_ok());
    assert!(head.origin() != Some("null") || own == Err(Refusal::Origin));
}

/// A refusal is a whole response of one line.
fn answered(refusal: Refusal) {
    let mut out = Vec::new();
    refusal.respond(&mut out);
    let out = String::from_utf8(out).expect("text");
    let (head, body) = out.split_once("\r\n\r\n").expect("a head");
    assert!(head.starts_with(&format!("HTTP/1.1 {} ", refusal.status())));
    assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", body.len())));
    assert!(body.ends_with('\n') && body.lines().count() == 1);
}
