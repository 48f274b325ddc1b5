//! The system calls of a server, as strace(1) writes them down while it runs.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::folder::Folder;

pub(crate) struct Trace {
    calls: String,
    file: PathBuf,
    folder: Folder,
}

impl Trace {
    /// Of these calls; by their names, or "all".
    pub(crate) fn new(calls: &str) -> Self {
        let folder = Folder::new();
        fs::create_dir(&folder.0).expect("a folder");
        Self { calls: calls.to_owned(), file: folder.0.join("trace"), folder }
    }

    /// The program to start the server by.
    pub(crate) fn strace(&self) -> Command {
        let mut strace = Command::new("strace");
        // -D: the server is our child, strace its grandchild; so signals reach the server.
        strace.args(["-D", "-f", "-qq", "-y", "-s", "0", "-e"]).arg(format!("trace={}", self.calls));
        strace.arg("-o").arg(&self.file);
        strace
    }

    /// How many there were so far.
    pub(crate) fn calls(&self) -> u64 {
        // "17 write(9<socket:[1]>, ""..., 66) = 66"; what another thread has cut in two is told twice.
        let is_call = |line: &&str| line.contains('(') && !line.contains(" resumed>");
        self.text().lines().filter(is_call).count() as u64
    }

    /// Syncs, and bytes written, of files in this folder.
    pub(crate) fn written(&self, data: &str) -> (u64, u64) {
        let text = self.text();
        text.lines().filter(|call| call.contains(data)).fold((0, 0), |(syncs, bytes), call| {
            // pwrite64(9</.../snug.db-wal>, ""..., 4096, 32) = 4096
            let length =
                call.split("\"..., ").nth(1).and_then(|rest| rest.split(',').next()?.parse::<u64>().ok());
            (syncs + u64::from(call.contains("sync(")), bytes + length.unwrap_or(0))
        })
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.file).expect("strace writes it")
    }
}
