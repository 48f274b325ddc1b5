//! Faults, seeded to see whether our own tests would notice them: seven that lose something, and one that only costs. They
//! exist only with the feature `faults`, which no release has; without it `has` is false when the program is compiled, and
//! nothing of this is left in it. Which one is there, if any, says the environment variable `SNUG_FAULT`, by its name in
//! [`ALL`] or [`DEAR`].
//!
//! `tests/delivery/seeded.rs` runs the seven, `.ci/budget --prove` the other. Where they are done is found by `faults::`.

/// What can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Entries are answered for when they are in a transaction. It is committed when the next one begins.
    TickEarly,
    /// `synchronous=NORMAL`: the log is not synced with each commit.
    Lazy,
    /// No unique index, and nobody looks whether an id is there.
    Doubles,
    /// Everybody but the author is told of an entry while its transaction still runs.
    ToldEarly,
    /// Who resumes is given what comes after the next entry.
    OffByOne,
    /// A slot is all that says who somebody is: late answers find its next tenant.
    Tenant,
    /// Now and then a commit is done and seems to have failed. That it was done is found out and told, but the last
    /// number is given again.
    NumberAgain,
    /// Something is allocated for each connection that is written to.
    AllocatePerRecipient,
}

/// The one that loses nothing, and only costs.
pub const DEAR: (Fault, &str) = (Fault::AllocatePerRecipient, "an allocation for each recipient");

/// All that lose something, and what each is called.
pub const ALL: [(Fault, &str); 7] = [
    (Fault::TickEarly, "tick before commit"),
    (Fault::Lazy, "synchronous=NORMAL"),
    (Fault::Doubles, "no unique index"),
    (Fault::ToldEarly, "fan-out before commit"),
    (Fault::OffByOne, "resume off by one"),
    (Fault::Tenant, "a slot without its generation"),
    (Fault::NumberAgain, "a number again after a failed commit"),
];

#[cfg(all(feature = "faults", not(debug_assertions)))]
compile_error!("the feature `faults` makes the server lose messages; it is for tests, never for a release");

#[cfg(feature = "faults")]
pub(crate) use seeded::{commit_seems_to_fail, has, number_again};

/// Whether this program has this fault: no.
#[cfg(not(feature = "faults"))]
pub(crate) const fn has(_: Fault) -> bool {
    false
}

/// Whether a commit that was done shall be taken for one that failed: no.
#[cfg(all(feature = "disk", not(feature = "faults")))]
pub(crate) const fn commit_seems_to_fail() -> bool {
    false
}

/// Whether the last number shall be given again: no.
#[cfg(all(feature = "disk", not(feature = "faults")))]
pub(crate) const fn number_again() -> bool {
    false
}

#[cfg(feature = "faults")]
mod seeded {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

    use crate::faults::{ALL, DEAR, Fault};

    static COMMITS: AtomicU32 = AtomicU32::new(0);
    static IS_BEHIND: AtomicBool = AtomicBool::new(false);

    pub(crate) fn has(fault: Fault) -> bool {
        static SEEDED: OnceLock<Option<Fault>> = OnceLock::new();
        let seeded = SEEDED.get_or_init(|| {
            let name = std::env::var("SNUG_FAULT").ok()?;
            let known = ALL.into_iter().chain([DEAR]).find(|(_, known)| *known == name);
            Some(known.unwrap_or_else(|| panic!("SNUG_FAULT={name} is none of {ALL:?}, nor {DEAR:?}")).0)
        });
        *seeded == Some(fault)
    }

    /// Every tenth does.
    pub(crate) fn commit_seems_to_fail() -> bool {
        let fails = has(Fault::NumberAgain) && COMMITS.fetch_add(1, Ordering::Relaxed) % 10 == 9;
        if fails {
            IS_BEHIND.store(true, Ordering::Relaxed);
        }
        fails
    }

    /// Once after each of those.
    pub(crate) fn number_again() -> bool {
        IS_BEHIND.swap(false, Ordering::Relaxed)
    }
}
