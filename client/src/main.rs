//! The Snug client: reads the command line, builds what it asks for, runs it, and says how it ended.

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use client::app;
use client::args::{self, Config, ROOM, Wish};
use client::model::{self, Settings};
use client::pipe::Options;
use client::plain::Style;
use client::ui::harmless;
use protocol::chat::id::SessionKey;
use protocol::chat::name::{Nick, RoomName};
use protocol::limits::DEFAULT_LAST;

/// Not confirmed, or no connection.
const COULD_NOT: u8 = 1;
/// Wrong usage, or it cannot start.
const CANNOT_START: u8 = 2;

/// Logins that say what a machine is, and not who a person is.
const NOBODY: [&str; 2] = ["root", "pi"];

fn main() -> ExitCode {
    let mut arguments = std::env::args_os();
    let program = arguments.next().map_or_else(
        || "client".into(),
        |path| {
            let path = std::path::PathBuf::from(path);
            path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
        },
    );
    let environment = |name: &str| std::env::var(name).ok();
    match args::parse(arguments, environment, &program) {
        Ok(Wish::Run(config)) => run(*config, &program),
        Ok(Wish::Tell(text)) => {
            // Nobody reads it: then it need not be written.
            let _ = io::stdout().write_all(text.as_bytes());
            ExitCode::SUCCESS
        }
        Err(fault) => fail(&program, &[fault], CANNOT_START),
    }
}

fn run(config: Config, program: &str) -> ExitCode {
    let reads_terminal = io::stdin().is_terminal();
    let for_a_person = reads_terminal && io::stdout().is_terminal() && !config.follow && !config.json;
    if !for_a_person && config.rooms.len() != 1 {
        let fault = format!("name the one room to speak in, as in `echo \"disk full\" | {program} ops`");
        return fail(program, &[fault], CANNOT_START);
    }
    let address = config.server.clone();
    let settings = match settings(&config, for_a_person) {
        Ok(settings) => settings,
        Err(error) => {
            let fault = format!("the system gives no random numbers: {error}");
            return fail(program, &[fault], CANNOT_START);
        }
    };
    let ended = if for_a_person {
        app::talk(address, settings, style(&config))
    } else {
        let Config { json, follow, timeout, .. } = config;
        app::pipe(address, settings, Options { json, follow, timeout }, !(follow && reads_terminal), program)
    };
    match ended {
        Ok(faults) if faults.is_empty() => ExitCode::SUCCESS,
        Ok(faults) => fail(program, &faults, COULD_NOT),
        Err(error) => fail(program, &[format!("cannot go on: {error}")], COULD_NOT),
    }
}

fn settings(config: &Config, for_a_person: bool) -> Result<Settings, getrandom::Error> {
    let mut session = [0; 16];
    getrandom::fill(&mut session)?;
    let mut seed = [0; 4];
    for number in &mut seed {
        *number = getrandom::u64()?;
    }
    let login = ["LOGNAME", "USER"].iter().find_map(|name| std::env::var(name).ok());
    let mut rooms = config.rooms.clone();
    if rooms.is_empty() {
        rooms.extend(RoomName::new(ROOM));
    }
    Ok(Settings {
        wish: nick(config.nick.clone(), login),
        rooms,
        last: if for_a_person { DEFAULT_LAST } else { 0 },
        // A person sees at once that it does not work; a program has its `--timeout`.
        patient: !for_a_person,
        session: SessionKey(session),
        seed,
    })
}

/// Which nick is wanted: the one that was asked for, else the login name if it says who somebody is.
fn nick(asked: Option<Nick<'static>>, login: Option<String>) -> model::Wish {
    if let Some(nick) = asked {
        return model::Wish::Exactly(nick);
    }
    let login = login.filter(|login| !NOBODY.contains(&login.as_str()));
    match login.map(Nick::new) {
        Some(Ok(nick)) => model::Wish::Like(nick),
        _ => model::Wish::Guest,
    }
}

/// Notices are faint, unless somebody wants nothing of the kind (<https://no-color.org>).
fn style(config: &Config) -> Style {
    let colourless = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if config.plain || colourless { Style::None } else { Style::Faint }
}

fn fail(program: &str, faults: &[String], code: u8) -> ExitCode {
    for fault in faults {
        // If nobody reads stderr, nobody can be told.
        let _ = writeln!(io::stderr(), "{program}: {}", harmless::line(fault));
    }
    ExitCode::from(code)
}
