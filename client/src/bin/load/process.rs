//! What a process takes of the machine, by proc(5). Must not know whose process it is.

use std::fs;
use std::path::PathBuf;

use crate::clock::{Nanos, SECOND};

/// In what `stat` counts: a hundredth of a second, whatever the kernel's own clock (USER_HZ, time(7)).
const TICK: Nanos = SECOND / 100;

/// A process whose figures can be read.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    folder: PathBuf,
}

/// What has been used so far, by all threads it has now: the kernel's exact books are a thread's, and end with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Time on a processor.
    pub(crate) cpu: Nanos,
    /// How much of it in the program itself; the rest was the kernel's.
    pub(crate) user: Nanos,
    /// Time in which it would have run, had a processor been free.
    pub(crate) waited: Nanos,
    /// How often a thread has gone to sleep, and so was woken up.
    pub(crate) sleeps: u64,
}

/// What it holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    /// Resident, KiB.
    pub(crate) rss: u64,
    /// Its share: what it has together with others is divided by their number. KiB. The most honest figure for growth.
    pub(crate) pss: u64,
}

impl Process {
    /// None if it cannot be read.
    pub(crate) fn find(pid: u32) -> Option<Self> {
        let process = Self { folder: PathBuf::from(format!("/proc/{pid}")) };
        process.usage().map(|_| process)
    }

    pub(crate) fn usage(&self) -> Option<Usage> {
        let (user, system) = times(&self.read("stat")?)?;
        let tasks = fs::read_dir(self.folder.join("task")).ok()?;
        let (mut ran, mut waited, mut sleeps) = (0, 0, 0);
        for task in tasks.flatten() {
            let text = |name| fs::read_to_string(task.path().join(name)).unwrap_or_default();
            let schedule = text("schedstat");
            let mut times = schedule.split(' ').map(|time| time.parse().unwrap_or(0_u64));
            ran += times.next().unwrap_or(0);
            waited += times.next().unwrap_or(0);
            sleeps += field(&text("status"), "voluntary_ctxt_switches").unwrap_or(0);
        }
        // `stat` counts in hundredths of a second; where the scheduler keeps books, they are exact.
        let cpu = if ran > 0 { ran } else { user + system };
        let user = (cpu as f64 * user as f64 / (user + system).max(1) as f64) as u64;
        Some(Usage { cpu, user, waited, sleeps })
    }

    /// Zeros if it cannot be read: it has ended, or is another user's.
    pub(crate) fn memory(&self) -> Memory {
        let sums = self.read("smaps_rollup").unwrap_or_default();
        let rss = || field(&self.read("status").unwrap_or_default(), "VmRSS");
        Memory {
            rss: field(&sums, "Rss").or_else(rss).unwrap_or_default(),
            pss: field(&sums, "Pss").unwrap_or_default(),
        }
    }

    fn read(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.folder.join(name)).ok()
    }
}

impl Usage {
    /// What was used since then.
    pub(crate) const fn since(self, earlier: Self) -> Self {
        Self {
            cpu: self.cpu.saturating_sub(earlier.cpu),
            user: self.user.saturating_sub(earlier.user),
            waited: self.waited.saturating_sub(earlier.waited),
            sleeps: self.sleeps.saturating_sub(earlier.sleeps),
        }
    }
}

/// How long this process has been on a processor.
pub(crate) fn own_cpu() -> Nanos {
    Process { folder: "/proc/self".into() }.usage().unwrap_or_default().cpu
}

/// User and system time from `stat`. The name in it may hold spaces and brackets, so it is read from behind that.
fn times(stat: &str) -> Option<(Nanos, Nanos)> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let mut time = || Some(fields.next()?.parse::<u64>().ok()?.saturating_mul(TICK));
    Some((time()?, time()?))
}

/// The number in a line `NAME:  123 kB`.
fn field(text: &str, name: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    value.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn what_proc_says() {
        let stat = "7 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 21 34 0 0";
        assert_eq!(times(stat), Some((210_000_000, 340_000_000)));
        assert_eq!(times("7 (a) S 1 2"), None);
        let status = "Rss:      1234 kB\nPss_Dirty: 1 kB\nPss:  99 kB\nvoluntary_ctxt_switches:\t5\n";
        assert_eq!(field(status, "Rss"), Some(1234));
        assert_eq!(field(status, "Pss"), Some(99));
        assert_eq!(field(status, "voluntary_ctxt_switches"), Some(5));
        assert_eq!(field(status, "Swap"), None);
    }

    #[test]
    fn this_process_is_there() {
        let process = Process::find(std::process::id()).expect("we are");
        assert!(process.memory().rss > 100, "{:?}", process.memory());
        // No more can be said of it: other tests' threads end meanwhile, and take what they used with them.
        assert!(own_cpu() > 0);
        assert!(Process::find(u32::MAX).is_none());
    }

    #[test]
    fn a_busy_process_uses_more_and_more() {
        let mut busy = Command::new("sh").args(["-c", "while :; do :; done"]).spawn().expect("sh starts");
        let process = Process::find(busy.id()).expect("it runs");
        let mut before = process.usage().expect("it can be read");
        for _ in 0..3 {
            // It goes on for as long as it takes; a gate's own time limit ends what never grows.
            while process.usage().expect("it still runs").cpu <= before.cpu {}
            before = process.usage().expect("it still runs");
        }
        busy.kill().expect("it is ours");
        busy.wait().expect("it has ended");
    }
}
