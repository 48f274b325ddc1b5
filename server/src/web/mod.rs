//! What is at which path, and the pages themselves, embedded. Must not know connections or rooms.

use std::borrow::Cow;

use protocol::http::{self, Head, Refusal};

/// What a request line leads to.
#[derive(Debug)]
pub enum Route {
    /// The chat; with the room's name from the path, as it was written.
    Chat {
        /// `None` for `/ws`: join later.
        room: Option<String>,
    },
    /// A page.
    Page(Page),
    /// Nothing.
    Refused(Refusal),
}

/// A page that is always the same.
#[derive(Debug)]
pub struct Page {
    content_type: &'static str,
    body: &'static [u8],
}

/// Nothing on the page may come from elsewhere, run, or be framed: it is text. Who opens the browser's console on it
/// may connect to this server, and to no other.
const HEADERS: [(&str, &str); 3] = [
    (
        "Content-Security-Policy",
        "default-src 'none'; style-src 'unsafe-inline'; connect-src 'self'; frame-ancestors 'none'",
    ),
    ("Referrer-Policy", "no-referrer"),
    ("Cache-Control", "no-cache"),
];

impl Page {
    /// Appends the whole answer.
    pub fn respond(&self, head: &Head<'_>, out: &mut Vec<u8>) {
        http::respond_to_head(200, self.content_type, &HEADERS, self.body.len(), out);
        if head.method() != "HEAD" {
            out.extend_from_slice(self.body);
        }
    }
}

/// Finds what is at a request's path. Only exact matches: no file system is behind it.
#[must_use]
pub fn route(head: &Head<'_>) -> Route {
    let segments: Vec<Cow<'_, str>> = head.segments().take(3).collect();
    let segments: Vec<&str> = segments.iter().map(AsRef::as_ref).collect();
    match segments.as_slice() {
        ["ws"] => Route::Chat { room: None },
        ["ws", room] if !room.is_empty() => Route::Chat { room: Some((*room).to_owned()) },
        [""] => page(head, "text/html; charset=utf-8", include_bytes!("page/index.html")),
        ["healthz"] => page(head, "text/plain; charset=utf-8", b"ok\n"),
        _ => Route::Refused(Refusal::NotFound),
    }
}

fn page(head: &Head<'_>, content_type: &'static str, body: &'static [u8]) -> Route {
    match head.method() {
        "GET" | "HEAD" => Route::Page(Page { content_type, body }),
        _ => Route::Refused(Refusal::MethodNotAllowed("GET, HEAD")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(line: &str) -> String {
        let request = format!("{line} HTTP/1.1\r\nHost: board\r\n\r\n");
        match route(&Head::parse(request.as_bytes()).unwrap()) {
            Route::Chat { room } => format!("chat {}", room.unwrap_or_default()),
            Route::Page(page) => format!("{} {}", page.content_type, page.body.len()),
            Route::Refused(refusal) => refusal.status().to_string(),
        }
    }

    #[test]
    fn what_is_where() {
        assert_eq!(at("GET /ws"), "chat ");
        assert_eq!(at("GET /ws/lobby?nick=bob"), "chat lobby");
        assert_eq!(at("GET /ws/k%C3%BCche"), "chat küche");
        assert_eq!(at("GET /healthz"), "text/plain; charset=utf-8 3");
        assert!(at("GET /").starts_with("text/html"));
        assert!(at("HEAD /").starts_with("text/html"));
        assert_eq!(at("POST /"), "405");
    }

    #[test]
    fn everything_else_is_nowhere() {
        for path in [
            "/ws/",
            "/ws/a/b",
            "/x",
            "//",
            "/../etc/passwd",
            "/%2e%2e/%2e%2e/etc/passwd",
            "/.git",
            "/index.html",
            "/healthz/",
        ] {
            assert_eq!(at(&format!("GET {path}")), "404", "{path}");
        }
    }
}
