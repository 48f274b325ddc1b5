//! Responses, written. Must not know what is answered.

use alloc::format;
use alloc::vec::Vec;

/// What a client is told that waits to be asked for its body (RFC 9110 section 15.2.1). The response is still to come.
pub const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// Appends a whole response, after which the connection is to be closed.
///
/// `headers` are written as they are: they must come from us, never from a peer.
pub fn respond(status: u16, content_type: &str, headers: &[(&str, &str)], body: &[u8], out: &mut Vec<u8>) {
    respond_to_head(status, content_type, headers, body.len(), out);
    out.extend_from_slice(body);
}

/// Appends what [`respond`] writes but for the body, of which `length` bytes are announced: the answer to `HEAD`.
pub fn respond_to_head(
    status: u16,
    content_type: &str,
    headers: &[(&str, &str)],
    length: usize,
    out: &mut Vec<u8>,
) {
    let mut line = |text: &str| {
        out.extend_from_slice(text.as_bytes());
        out.extend_from_slice(b"\r\n");
    };
    line(&format!("HTTP/1.1 {status} {}", reason(status)));
    line(&format!("Content-Type: {content_type}"));
    line(&format!("Content-Length: {length}"));
    line("Connection: close");
    // Or else a browser may take a line of text for a page with scripts.
    line("X-Content-Type-Options: nosniff");
    for (name, value) in headers {
        line(&format!("{name}: {value}"));
    }
    line("");
}

/// The words beside the status (RFC 9110 section 15). Nobody reads them but people.
const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        411 => "Length Required",
        413 => "Content Too Large",
        414 => "URI Too Long",
        422 => "Unprocessable Content",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        507 => "Insufficient Storage",
        _ => "",
    }
}
