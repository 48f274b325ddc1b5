//! The opening handshake, clause by clause of RFC 6455 section 4.2.1, over sockets.

use crate::support::{Server, upgrade_request};

/// What is changed in a good request, and what becomes of it.
#[test]
fn every_clause_of_section_4_2_1() {
    let server = Server::start(&[]);
    let good = upgrade_request("/ws");
    let mut served = 0;
    for (clause, from, to, status) in [
        ("as it should be", "", "", 101),
        ("1. GET", "GET", "POST", 405),
        ("1. GET, in capitals", "GET", "get", 405),
        ("1. HTTP/1.1", "HTTP/1.1", "HTTP/1.0", 400),
        ("2. Host", "Host: board\r\n", "", 400),
        ("2. Host with a port", "Host: board", "Host: [::1]:7684", 101),
        ("3. Upgrade", "Upgrade: websocket\r\n", "", 426),
        ("3. Upgrade to something else", "Upgrade: websocket", "Upgrade: h2c", 426),
        ("3. Upgrade to something like it", "Upgrade: websocket", "Upgrade: websocketx", 426),
        ("3. Upgrade in any case, among others", "Upgrade: websocket", "Upgrade: h2c, WebSOCKET", 101),
        ("4. Connection", "Connection: Upgrade\r\n", "", 400),
        ("4. Connection: close", "Connection: Upgrade", "Connection: close", 400),
        ("4. Connection lists upgrade", "Connection: Upgrade", "Connection: keep-alive, upgrade", 101),
        ("4. in two lines", "Connection: Upgrade", "Connection: keep-alive\r\nConnection: UPGRADE", 101),
        ("5. Key", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "", 400),
        ("5. Key of 15 bytes", "dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25j", 400),
        ("5. Key of 17 bytes", "dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZWU=", 400),
        ("5. Key without padding", "dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ", 400),
        ("5. Key of other letters", "dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25j!!==", 400),
        ("5. Key twice", "Sec-WebSocket-Key: d", "Sec-WebSocket-Key: x\r\nSec-WebSocket-Key: d", 400),
        ("6. Version", "Sec-WebSocket-Version: 13\r\n", "", 426),
        ("6. Version 8", "Version: 13", "Version: 8", 426),
        ("6. Version 013", "Version: 13", "Version: 013", 426),
        ("6. Versions", "Version: 13", "Version: 13, 8", 426),
        (
            "6. Version twice",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 8",
            400,
        ),
        ("8. Protocols", "Host: board", "Host: board\r\nSec-WebSocket-Protocol: a,, b", 101),
        ("8. no token", "Host: board", "Host: board\r\nSec-WebSocket-Protocol: a b", 400),
        ("9. Extensions", "Host: board", "Host: board\r\nSec-WebSocket-Extensions: permessage-deflate", 101),
        ("10. others", "Host: board", "Host: board\r\nX-Anything: at all; even \"this\"", 101),
    ] {
        let request = good.replacen(from, to, 1);
        assert!(from.is_empty() || request != good, "{clause}");
        let mut peer = server.dial();
        peer.send(request.as_bytes()).expect("it reads");
        let head = peer.head().expect("it answers");
        assert_eq!(head.get(9..12), Some(status.to_string().as_str()), "{clause}: {head}");
        match status {
            101 => {
                assert!(
                    head.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"),
                    "{clause}: {head}"
                );
                assert!(!head.contains("Sec-WebSocket-Extensions"), "no extension is spoken: {head}");
                assert!(
                    !head.contains("Sec-WebSocket-Protocol"),
                    "an unknown protocol is not agreed to: {head}"
                );
                served += 1;
            }
            426 => assert!(head.contains("Sec-WebSocket-Version: 13\r\n"), "{clause}: {head}"),
            _ => assert!(head.contains("Connection: close\r\n"), "{clause}: {head}"),
        }
    }
    assert_eq!(served, 8);
}

/// ws CVE-2021-32640 and WS-2017-0421: lists that took other servers a quadratic time, or names that every object has.
#[test]
fn odd_lists_of_extensions_and_protocols_are_only_words() {
    let server = Server::start(&[]);
    let long = 6000;
    for (value, status) in [
        ("constructor".to_owned(), 101),
        ("__proto__, toString".to_owned(), 101),
        (format!("a{}b", " ".repeat(long)), 400),
        (",".repeat(long), 101),
        ("a,".repeat(long / 2), 101),
        (format!("a{},", "\t ".repeat(long / 2)), 101),
        ("x".repeat(long), 101),
        ("\"".repeat(long), 400),
    ] {
        let request = upgrade_request("/ws").replacen(
            "Host: board",
            &format!("Host: board\r\nSec-WebSocket-Protocol: {value}"),
            1,
        );
        let answer = server.dial_with(request.as_bytes());
        assert_eq!(
            answer.get(9..12),
            Some(status.to_string().as_str()),
            "{}: {answer}",
            &value[..10.min(value.len())]
        );
        assert!(!answer.contains("Sec-WebSocket-Protocol"), "{answer}");
        // Extensions are not even looked at.
        let request = upgrade_request("/ws").replacen(
            "Host: board",
            &format!("Host: board\r\nSec-WebSocket-Extensions: {value}"),
            1,
        );
        assert_eq!(server.dial_with(request.as_bytes()).get(9..12), Some("101"));
    }
}

impl Server {
    /// The head that answers these bytes.
    fn dial_with(&self, bytes: &[u8]) -> String {
        let mut peer = self.dial();
        peer.send(bytes).expect("it reads");
        peer.head().expect("it answers")
    }
}
