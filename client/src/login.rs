//! Under which name somebody is logged in, made fit to be a nick. Must not know whether it is taken.

use std::fs;

use protocol::chat::name::Nick;

/// Names that many machines share: they say nothing about who it is.
const SHARED: [&str; 2] = ["root", "pi"];

/// The nick of somebody who gave none; `None` for a guest.
#[must_use]
pub fn nick() -> Option<Nick<'static>> {
    let uid = rustix::process::getuid().as_raw();
    // The environment may be that of somebody else, as under su; but a directory service is not in the file.
    let local = fs::read_to_string("/etc/passwd").ok().and_then(|passwd| name_of(uid, &passwd));
    fit(&local.or_else(|| std::env::var("USER").ok())?)
}

/// The name of a user in passwd(5).
fn name_of(uid: u32, passwd: &str) -> Option<String> {
    let uid = uid.to_string();
    let mut names = passwd.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid).then(|| name.to_owned())
    });
    names.next()
}

/// A login name as a nick: what may not stand in a nick is left out.
fn fit(login: &str) -> Option<Nick<'static>> {
    if SHARED.contains(&login) {
        return None;
    }
    // Of a name in a domain, as in ALICE@EXAMPLE.ORG, the person is what matters.
    let login = login.split('@').next().unwrap_or_default();
    let mut name: String =
        login.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.')).collect();
    while name.len() > protocol::limits::MAX_NICK {
        name.pop();
    }
    Nick::new(name.trim_start_matches(['-', '.']).to_owned()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn login_names() {
        let nick = |login| fit(login).map(|nick| nick.to_string());
        for (login, fitted) in [
            ("bob", Some("bob")),
            ("root", None),
            ("pi", None),
            ("alice@EXAMPLE.ORG", Some("alice")),
            ("j smith$", Some("jsmith")),
            (".hidden", Some("hidden")),
            ("", None),
            ("$", None),
        ] {
            assert_eq!(nick(login).as_deref(), fitted, "{login}");
        }
        assert_eq!(nick(&"x".repeat(40)), Some("x".repeat(32)));
    }

    #[test]
    fn passwd() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nbroken\nbob:x:1000:1000::/home/bob:/bin/sh\n";
        assert_eq!(name_of(1000, passwd).as_deref(), Some("bob"));
        assert_eq!(name_of(0, passwd).as_deref(), Some("root"));
        assert_eq!(name_of(7, passwd), None);
    }
}
