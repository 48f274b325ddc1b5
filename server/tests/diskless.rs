//! A server that was built without the feature `disk`: it keeps nothing, so it does not start before it was told that
//! this is what is wanted.
#![cfg(not(feature = "disk"))]

use std::process::{Command, Stdio};
use std::time::Duration;

/// The exit code and what is said. `home` is where people's data would usually be kept.
fn run(flags: &[&str], home: &str) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_server"));
    command.args(["--listen", "127.0.0.1:0"]).args(flags).env("XDG_DATA_HOME", home);
    command.env_remove("STATE_DIRECTORY").env_remove("SNUG_DATA").env_remove("SNUG_MEMORY");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
    // What does start runs until it is ended.
    for _ in 0..200 {
        if child.try_wait().expect("it is our child").is_some() {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let _ = child.kill();
    let output = child.wait_with_output().expect("it ends");
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn it_says_what_to_do() {
    let home = format!("{}/diskless-{}", env!("CARGO_TARGET_TMPDIR"), std::process::id());
    let sentence = "server: this server was built to keep messages in memory only; start it with --memory (they are \
                    gone when it stops), or take one that was built with the feature 'disk'\n";
    for flags in [&[][..], &["--data", &home]] {
        assert_eq!(run(flags, &home), (Some(2), sentence.to_owned()), "{flags:?}");
        assert!(!std::path::Path::new(&home).exists(), "nothing was made");
    }
    let (_, said) = run(&["--memory"], &home);
    assert!(said.contains("messages are kept in memory until it stops."), "{said}");
    let (code, help) = run(&["--help"], &home);
    assert!(code == Some(0) && help.contains("built to keep messages in memory only"), "{help}");
}
