//! The Snug client: reads the command line, runs, says how it went.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use client::app::{self, Outcome};
use client::args::{self, Wish};
use client::say_on_stderr;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os();
    // It may have been installed under another name.
    let program = arguments.next().map(PathBuf::from).and_then(|path| Some(path.file_name()?.to_owned()));
    let program = program.map_or_else(|| "client".into(), |name| name.to_string_lossy().into_owned());
    let outcome = match args::parse(arguments, |name| std::env::var(name).ok(), &program) {
        Ok(Wish::Run(config)) => app::run(&config, &program),
        Ok(Wish::Tell(text)) => {
            // Whoever stops reading has read enough.
            let _ = io::stdout().write_all(text.as_bytes());
            return ExitCode::SUCCESS;
        }
        Err(sentence) => Outcome::cannot_start(sentence),
    };
    for words in &outcome.words {
        say_on_stderr(&program, words);
    }
    ExitCode::from(outcome.code)
}
