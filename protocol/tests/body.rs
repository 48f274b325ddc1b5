//! Bodies of requests: as long as the head says, however they are cut, and whatever is glued to them.

use protocol::http::{BodyBuffer, Head, Refusal};

/// A request with a body: what these lines say of it, and at most 10 bytes.
fn declared(lines: &str) -> Result<BodyBuffer, Refusal> {
    let head = format!("POST /rooms/ops HTTP/1.1\r\nHost: board\r\n{lines}\r\n");
    BodyBuffer::declared(&Head::parse(head.as_bytes())?, 10)
}

#[test]
fn a_body_is_as_long_as_its_head_says() {
    let glued = b"disk fullGET / HTTP/1.1\r\n";
    for cut in 0..glued.len() {
        let mut body = declared("Content-Length: 9\r\n").unwrap();
        let mut bytes = *glued;
        let (mut first, mut second) = bytes.split_at_mut(cut);
        assert_eq!(body.feed(&mut first), cut >= 9, "cut at {cut}");
        assert!(body.feed(&mut second), "cut at {cut}");
        assert_eq!(body.bytes(), b"disk full", "cut at {cut}");
        assert_eq!([&*first, &*second].concat(), b"GET / HTTP/1.1\r\n", "what is behind it stays there");
    }
    let mut body = declared("Content-Length: 9\r\n").unwrap();
    let mut bytes = *glued;
    let mut complete = Vec::new();
    for byte in bytes.chunks_mut(1) {
        let mut byte = byte;
        complete.push(body.feed(&mut byte));
    }
    assert_eq!(complete.iter().filter(|complete| **complete).count(), glued.len() - 8, "byte by byte");
    assert_eq!(body.bytes(), b"disk full");
}

#[test]
fn how_long_a_body_may_be() {
    let judged = |lines: &str| declared(lines).map(|mut body| body.feed(&mut Default::default()));
    assert_eq!(judged(""), Err(Refusal::LengthRequired));
    assert_eq!(judged("Content-Length: 0\r\n"), Ok(true), "an empty one is complete");
    assert_eq!(judged("Content-Length: 10\r\n"), Ok(false));
    for length in ["11", "4294967306", "18446744073709551616", "99999999999999999999999999"] {
        let refused = Err(Refusal::ContentTooLarge(10));
        assert_eq!(judged(&format!("Content-Length: {length}\r\n")), refused, "{length}");
    }
    for length in ["", "+5", "-5", "0x5", "5, 5", "5 5", "5e0", "\u{665}"] {
        assert!(judged(&format!("Content-Length: {length}\r\n")).is_err(), "{length}");
    }
    assert_eq!(judged("Content-Length: 5\r\nContent-Length: 5\r\n"), Err(Refusal::Twice("Content-Length")));
    let both = "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n";
    assert_eq!(judged(both), Err(Refusal::TransferEncoding));
    // What is declared takes no memory before it comes.
    assert_eq!(declared("Content-Length: 10\r\n").unwrap().bytes().len(), 0);
}
