//! What the kernel says of the server's process: memory, work and files. Figures are for comparing one state of a
//! server with another state of it, never with a clock.

use std::fs;

use super::Server;

impl Server {
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

    /// How many lines of its log have this in them.
    pub(crate) fn logged(&self, words: &str) -> usize {
        self.log().lines().filter(|line| line.contains(words)).count()
    }

    fn status(&self, field: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it lives");
        let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("the field");
        line.split_whitespace().next().expect("a number").parse().expect("a number")
    }
}
