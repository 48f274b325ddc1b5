//! What somebody reads who cannot start a server: one sentence, and exit code 2. What is damaged is no reason not to start.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::folder::{Folder, can_be_reached};

/// The exit code and what is said, with DIR for the data folder.
fn run(command: &mut Command, data: &str) -> (Option<i32>, String) {
    let command = command.args(["--listen", "127.0.0.1:0", "--data", data]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it runs");
    // What should not have started would run for ever.
    for _ in 0..2000 {
        if child.try_wait().expect("it is our child").is_some() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let _ = child.kill();
    let output = child.wait_with_output().expect("it ends");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).replace(data, "DIR"))
}

fn server() -> Command {
    Command::new(env!("CARGO_BIN_EXE_server"))
}

fn cannot(sentence: &str) -> (Option<i32>, String) {
    (Some(2), format!("server: {sentence}\n"))
}

#[test]
fn a_mistyped_path_is_not_made() {
    let folder = Folder::new();
    let data = folder.path().join("missing/data");
    let said = "cannot make the data folder DIR: the folder above it does not exist";
    assert_eq!(run(&mut server(), data.to_str().expect("UTF-8")), cannot(said));
    assert!(!folder.path().join("missing").exists());
}

/// Nothing is named, and this person never had any data: $XDG_DATA_HOME is not there yet.
#[test]
fn the_usual_folder_is_made_with_those_above_it() {
    let home = Folder::new();
    let share = home.path().join("local/share");
    let mut command = server();
    command.env_remove("STATE_DIRECTORY").env_remove("SNUG_DATA").env("XDG_DATA_HOME", &share);
    let mut child =
        command.args(["--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).spawn().expect("it starts");
    let mut said = String::new();
    let told = BufReader::new(child.stdout.take().expect("it is ours")).read_line(&mut said);
    let _ = child.kill();
    let _ = child.wait();
    told.expect("it speaks");
    let usual = share.join("snug");
    assert!(said.contains(&format!("messages are kept in {}.", usual.display())), "{said}");
    let mode = |path: &Path| std::fs::metadata(path).expect("it was made").permissions().mode() & 0o777;
    assert_eq!((mode(&usual), mode(&share)), (0o700, 0o700));
}

#[test]
fn a_file_is_not_a_folder() {
    let folder = Folder::new();
    std::fs::write(folder.data(), "a file").expect("it is ours");
    assert_eq!(run(&mut server(), &folder.data()), cannot("cannot keep data in DIR: it is not a folder"));
    let within = folder.data() + "/data";
    assert_eq!(run(&mut server(), &within), cannot("cannot keep data in DIR: it is not a folder"));
    assert_eq!(std::fs::read(folder.data()).expect("it is as it was"), b"a file");
}

#[test]
fn without_permission_it_says_so() {
    let said =
        "cannot keep data in DIR: no permission to write there; start as its owner, or name another folder";
    let folder = Folder::within(&std::env::temp_dir());
    let set =
        |mode| std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(mode)).expect("it is ours");
    set(0o555);
    let outcome = if std::fs::write(folder.path().join("probe"), "").is_err() {
        run(&mut server(), &folder.data())
    } else {
        // This user may write everywhere, so another one has to try.
        let program = Path::new(env!("CARGO_BIN_EXE_server"));
        if !can_be_reached(program) || !can_be_reached(folder.path()) {
            println!("SKIPPED: another user cannot reach {}", program.display());
            return;
        }
        let mut as_nobody = Command::new("setpriv");
        as_nobody.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(program);
        if !as_nobody.arg("--help").output().is_ok_and(|output| output.status.success()) {
            println!("SKIPPED: cannot become another user here");
            return;
        }
        let mut as_nobody = Command::new("setpriv");
        as_nobody.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(program);
        run(&mut as_nobody, &folder.data())
    };
    set(0o755);
    assert_eq!(outcome, cannot(said));
}

#[test]
fn a_read_only_file_system_is_named() {
    let folder = Folder::new();
    drop(folder.server(&[]));
    let Some(folder) = folder.read_only() else { return };
    let said = "cannot keep data in DIR: its file system is mounted read-only";
    assert_eq!(run(&mut server(), &folder.data()), cannot(said));
    // The same before there is any data.
    let new = folder.path().join("new");
    assert_eq!(run(&mut server(), new.to_str().expect("UTF-8")), cannot(said));
}

#[test]
fn a_disk_without_any_room_is_named() {
    let Some(disk) = Folder::small_disk(1) else { return };
    let _ = std::fs::write(disk.path().join("other"), vec![7; 2_000_000]);
    assert_eq!(run(&mut server(), &disk.data()), cannot("cannot keep data in DIR: no space is left there"));
}

#[test]
fn a_second_server_is_told_and_the_first_is_not_disturbed() {
    let folder = Folder::new();
    let first = folder.server(&[]);
    let mut anna = first.plain("anna", "lobby");
    assert_eq!(run(&mut server(), &folder.data()), cannot("another server already keeps its data in DIR"));
    anna.say("still there?");
    anna.expect("+ 1");
}

#[test]
fn a_newer_database_is_left_alone() {
    let folder = Folder::new();
    let first = folder.server(&[]);
    first.signal(rustix::process::Signal::TERM);
    assert_eq!(first.wait().0, Some(0));
    let newer = rusqlite::Connection::open(folder.database()).expect("it is a database");
    newer.pragma_update(None, "user_version", 1000).expect("it can be written");
    newer.close().expect("it closes");
    let before = std::fs::read(folder.database()).expect("it is there");
    let said = "cannot read DIR: a newer version of this program has written it; start that version";
    assert_eq!(run(&mut server(), &folder.data()), cannot(said));
    assert_eq!(std::fs::read(folder.database()).expect("it is there"), before);
}

/// There is nothing in it that could be read: the server starts with an empty one, and says where the old one lies.
#[test]
fn a_database_that_is_none_is_moved_aside() {
    let folder = Folder::new();
    let first = folder.server(&[]);
    let mut anna = first.plain("anna", "lobby");
    anna.say("hello");
    anna.expect("+ 1");
    first.signal(rustix::process::Signal::TERM);
    assert_eq!(first.wait().0, Some(0));
    std::fs::write(folder.database(), "somebody's shopping list").expect("it is ours");

    let server = folder.server(&[]);
    let log = server.log();
    let aside = folder.path().join("data/snug.db.damaged-1");
    assert!(
        log.contains("the database was damaged (") && log.contains(aside.to_str().expect("UTF-8")),
        "{log}"
    );
    assert!(log.contains("; 0 entries are kept, some may be lost"), "{log}");
    assert_eq!(std::fs::read(aside).expect("it is kept"), b"somebody's shopping list");
    let mut anna = server.plain("anna", "lobby");
    anna.say("hello again");
    anna.expect("+ ");
}
