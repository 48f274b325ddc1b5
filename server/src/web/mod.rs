//! What is at which path, and the pages themselves, embedded. Must not know connections or rooms.

use std::borrow::Cow;

use protocol::http::{self, Head, Refusal};

/// What a request line leads to.
#[derive(Debug)]
pub enum Route<'h> {
    /// The chat; with the room's name from the path, as it was written.
    Chat {
        /// `None` for `/ws`: join later.
        room: Option<Cow<'h, str>>,
    },
    /// A room without a WebSocket; with its name from the path, as it was written. `GET` and `HEAD` read, `POST` posts.
    Room(Cow<'h, str>),
    /// A page.
    Page(Page),
    /// The counters, which have to be asked for.
    Metrics,
    /// Nothing.
    Refused(Refusal),
}

/// A page.
#[derive(Debug)]
pub struct Page {
    content_type: &'static str,
    body: Cow<'static, [u8]>,
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
    /// The counters, in Prometheus' text exposition format.
    #[must_use]
    pub fn metrics(text: String) -> Self {
        Self { content_type: "text/plain; version=0.0.4; charset=utf-8", body: text.into_bytes().into() }
    }

    /// Appends the whole answer.
    pub fn respond(&self, head: &Head<'_>, out: &mut Vec<u8>) {
        http::respond_to_head(200, self.content_type, &HEADERS, self.body.len(), out);
        if head.method() != "HEAD" {
            out.extend_from_slice(&self.body);
        }
    }
}

/// Finds what is at a request's path. Only exact matches: no file system is behind it.
#[must_use]
pub fn route<'h>(head: &Head<'h>) -> Route<'h> {
    let mut segments = head.segments();
    let (first, second, third) = (segments.next().unwrap_or_default(), segments.next(), segments.next());
    match (first.as_ref(), second, third) {
        ("ws", None, _) => Route::Chat { room: None },
        ("ws", Some(room), None) if !room.is_empty() => Route::Chat { room: Some(room) },
        ("rooms", Some(room), None) if !room.is_empty() => match head.method() {
            "GET" | "HEAD" | "POST" => Route::Room(room),
            _ => Route::Refused(Refusal::MethodNotAllowed("GET, HEAD, POST")),
        },
        ("", None, _) => readable(head, page("text/html; charset=utf-8", include_bytes!("page/index.html"))),
        ("healthz", None, _) => readable(head, page("text/plain; charset=utf-8", b"ok\n")),
        ("metrics", None, _) => readable(head, Route::Metrics),
        _ => Route::Refused(Refusal::NotFound),
    }
}

fn page(content_type: &'static str, body: &'static [u8]) -> Route<'static> {
    Route::Page(Page { content_type, body: body.into() })
}

fn readable<'h>(head: &Head<'_>, route: Route<'h>) -> Route<'h> {
    match head.method() {
        "GET" | "HEAD" => route,
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
            Route::Room(room) => format!("room {room}"),
            Route::Metrics => "metrics".to_owned(),
            Route::Page(page) => format!("{} {}", page.content_type, page.body.len()),
            Route::Refused(refusal) => refusal.status().to_string(),
        }
    }

    #[test]
    fn what_is_where() {
        assert_eq!(at("GET /ws"), "chat ");
        assert_eq!(at("GET /ws/lobby?nick=bob"), "chat lobby");
        assert_eq!(at("GET /ws/k%C3%BCche"), "chat küche");
        for method in ["GET", "HEAD", "POST"] {
            assert_eq!(at(&format!("{method} /rooms/k%C3%BCche?nick=nas")), "room küche");
        }
        assert_eq!(
            ["PUT", "DELETE", "OPTIONS"].map(|method| at(&format!("{method} /rooms/ops"))),
            ["405"; 3]
        );
        assert_eq!(at("GET /healthz"), "text/plain; charset=utf-8 3");
        assert!(at("GET /").starts_with("text/html"));
        assert!(at("HEAD /").starts_with("text/html"));
        assert_eq!(at("POST /"), "405");
        assert_eq!(
            ["GET", "HEAD", "POST"].map(|method| at(&format!("{method} /metrics"))),
            ["metrics", "metrics", "405"]
        );
    }

    #[test]
    fn everything_else_is_nowhere() {
        for path in [
            "/ws/",
            "/ws/a/b",
            "/rooms",
            "/rooms/",
            "/rooms/a/b",
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
