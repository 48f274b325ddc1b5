//! What was typed before, and the way back to what is being typed now. Must not know the editor.

use std::collections::VecDeque;

/// How many lines are remembered.
const MAX_LINES: usize = 200;

/// Lines typed, the oldest first.
#[derive(Clone, Debug, Default)]
pub struct History {
    lines: VecDeque<String>,
    /// Which one is shown, and the line that was being typed when the person began to look.
    looking: Option<(usize, String)>,
}

impl History {
    /// Remembers a line that was sent.
    pub fn push(&mut self, line: &str) {
        self.looking = None;
        if self.lines.back().is_some_and(|last| last == line) {
            return;
        }
        if self.lines.len() == MAX_LINES {
            self.lines.pop_front();
        }
        self.lines.push_back(line.to_owned());
    }

    /// The line before. `draft` is what stands on the screen.
    pub fn up(&mut self, draft: &str) -> Option<&str> {
        let (at, draft) = match self.looking.take() {
            Some((at, draft)) => (at.saturating_sub(1), draft),
            None => (self.lines.len().checked_sub(1)?, draft.to_owned()),
        };
        self.looking = Some((at, draft));
        self.lines.get(at).map(String::as_str)
    }

    /// The line after; behind the last one, the draft.
    pub fn down(&mut self) -> Option<String> {
        let (at, draft) = self.looking.take()?;
        let Some(line) = self.lines.get(at + 1) else { return Some(draft) };
        self.looking = Some((at + 1, draft));
        Some(line.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn up_and_down_and_back_to_the_draft() {
        let mut history = History::default();
        assert_eq!(history.up("dra"), None);
        assert_eq!(history.down(), None);
        history.push("one");
        history.push("two");
        history.push("two");
        assert_eq!(history.up("dra"), Some("two"));
        assert_eq!(history.up("two"), Some("one"));
        assert_eq!(history.up("one"), Some("one"));
        assert_eq!(history.down().as_deref(), Some("two"));
        assert_eq!(history.down().as_deref(), Some("dra"));
        assert_eq!(history.down(), None);
    }

    #[test]
    fn it_forgets_the_oldest() {
        let mut history = History::default();
        for number in 0..=MAX_LINES {
            history.push(&number.to_string());
        }
        for _ in 0..MAX_LINES + 5 {
            history.up("");
        }
        assert_eq!(history.up(""), Some("1"));
    }
}
