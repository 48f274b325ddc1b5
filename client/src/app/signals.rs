//! Which signals are answered. Must not know how.

use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGTERM, SIGTSTP, SIGWINCH};

use super::face::Wanted;

/// Which signals we answer. One that is ignored already, as under nohup(1), stays ignored.
pub(super) fn answered(wanted: Wanted) -> Vec<i32> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    let mut signals = vec![SIGINT, SIGTERM, SIGHUP];
    if wanted == Wanted::Plain {
        signals.extend([SIGTSTP, SIGCONT, SIGWINCH]);
    }
    signals.retain(|signal| ignored.checked_shr((signal - 1).unsigned_abs()).unwrap_or(0) & 1 == 0);
    signals
}
