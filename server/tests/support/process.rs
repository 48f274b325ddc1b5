//! What the kernel says of the server's process: memory, work and files. Figures are for comparing one state of a
//! server with another state of it, never with a clock.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};

use super::Server;

impl Server {
    /// The process stands still meanwhile, and then finds all at once what was done.
    pub(crate) fn while_stopped<T>(&self, act: impl FnOnce() -> T) -> T {
        stop(self.child.id());
        let done = act();
        self.signal(Signal::CONT);
        done
    }

    /// The memory it has in use, in KiB.
    pub(crate) fn resident(&self) -> u64 {
        self.status("VmRSS:")
    }

    /// The most memory it ever had in use, in KiB.
    pub(crate) fn peak(&self) -> u64 {
        self.status("VmHWM:")
    }

    /// Begins to count [`Server::peak`] anew (proc(5), clear_refs).
    pub(crate) fn forget_peak(&self) {
        fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5")
            .expect("one's own child may be asked");
    }

    /// How many ticks of the processor it has used, a hundredth of a second each.
    pub(crate) fn ticks(&self) -> u64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("it lives");
        // The name in parentheses may have spaces; user and system time are the 14th and 15th field.
        let fields: Vec<&str> = stat.rsplit(')').next().expect("fields").split_whitespace().collect();
        fields[11].parse::<u64>().expect("a number") + fields[12].parse::<u64>().expect("a number")
    }

    /// How many files it has open.
    pub(crate) fn files(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.child.id())).expect("it lives").count()
    }

    /// Waits until it has at most so many files open.
    pub(crate) fn wait_for_files(&self, at_most: usize) {
        super::until("files are closed", || self.files() <= at_most);
    }

    /// How many bytes it has caused to be written to disks (proc(5), io), files in memory not counted.
    pub(crate) fn bytes_written(&self) -> u64 {
        let io = fs::read_to_string(format!("/proc/{}/io", self.child.id()))
            .expect("one's own child may be asked");
        let line = io.lines().find_map(|line| line.strip_prefix("write_bytes: ")).expect("the field");
        line.trim().parse().expect("a number")
    }

    /// How often its threads have waited for something and been woken up, all together.
    pub(crate) fn wake_ups(&self) -> u64 {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("it lives");
        let wake_ups = |task: fs::DirEntry| {
            let status = fs::read_to_string(task.path().join("status")).ok()?;
            let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
            line.trim().parse::<u64>().ok()
        };
        tasks.flatten().filter_map(wake_ups).sum()
    }

    /// Its share of the memory in use, in KiB: what it shares with others is divided (proc(5), smaps_rollup).
    pub(crate) fn share_of_memory(&self) -> u64 {
        self.rollup("Pss:")
    }

    /// The memory that is its alone, in KiB: what is not mapped from files, so neither code nor what a page cache may
    /// bring along.
    pub(crate) fn own_memory(&self) -> u64 {
        self.rollup("Pss_Anon:")
    }

    /// How many lines of its log have this in them.
    pub(crate) fn logged(&self, words: &str) -> usize {
        self.log().lines().filter(|line| line.contains(words)).count()
    }

    fn status(&self, field: &str) -> u64 {
        self.field("status", field)
    }

    fn rollup(&self, field: &str) -> u64 {
        self.field("smaps_rollup", field)
    }

    fn field(&self, file: &str, field: &str) -> u64 {
        let text = fs::read_to_string(format!("/proc/{}/{file}", self.child.id())).expect("it lives");
        let line = text.lines().find_map(|line| line.strip_prefix(field)).expect("the field");
        line.split_whitespace().next().expect("a number").parse().expect("a number")
    }
}

/// Stops a child where it is. It may be just before its end or just after it, if it could not start.
pub(crate) fn stop(child: u32) {
    let pid = i32::try_from(child).ok().and_then(Pid::from_raw).expect("a pid");
    kill_process(pid, Signal::STOP).expect("it is our child");
    // A thread that waits for the disk stops when that has answered.
    super::until("all its threads have stopped", || {
        let tasks = fs::read_dir(format!("/proc/{child}/task")).expect("it is our child");
        tasks.flatten().all(|task| {
            let stat = fs::read_to_string(task.path().join("stat")).unwrap_or_default();
            // The name in parentheses may have spaces; the state follows it. Who is traced stops with a small letter.
            stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with(['T', 't', 'Z']))
        })
    });
}
