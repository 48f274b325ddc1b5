//! Command lines and environments, and what they come to.

use super::*;

fn run(line: &str, environment: &[(&str, &str)]) -> Result<Wish, String> {
    let environment = |name: &str| {
        environment.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned())
    };
    let environment = |name: &str| environment(name).or((name == "HOME").then(|| "/home/anna".to_owned()));
    parse(line.split_whitespace().map(OsString::from), environment, "server")
}

fn config(line: &str, environment: &[(&str, &str)]) -> Config {
    match run(line, environment) {
        Ok(Wish::Run(config)) => config,
        other => panic!("{other:?}"),
    }
}

#[test]
fn without_flags_only_this_machine_can_reach_it() {
    let keep = Keep::Usual("/home/anna/.local/share/snug".into());
    assert_eq!(config("", &[]), Config { keep, ..Config::default() });
    assert!(
        Config::default().listen.iter().all(|place| matches!(place, Place::Tcp(at) if at.ip().is_loopback()))
    );
}

#[test]
fn where_messages_are_kept() {
    let kept = |line, environment: &[_]| config(line, environment).keep;
    let folder = |path: &str| Keep::Folder(path.into());
    let usual = |path: &str| Keep::Usual(path.into());
    assert_eq!(kept("--data /srv/chat", &[("SNUG_DATA", "/other")]), folder("/srv/chat"));
    assert_eq!(kept("--data ./chat", &[]), folder("./chat"));
    assert_eq!(
        kept("", &[("SNUG_DATA", "/srv/chat"), ("STATE_DIRECTORY", "/var/lib/x")]),
        folder("/srv/chat")
    );
    assert_eq!(kept("", &[("STATE_DIRECTORY", "/var/lib/snug:/var/lib/more")]), usual("/var/lib/snug"));
    assert_eq!(kept("", &[("XDG_DATA_HOME", "/data")]), usual("/data/snug"));
    assert_eq!(kept("", &[("XDG_DATA_HOME", "data")]), usual("/home/anna/.local/share/snug"), "not absolute");
    assert_eq!(kept("--memory", &[("SNUG_DATA", "/srv/chat")]), Keep::Memory, "the command line wins");
    assert_eq!(kept("", &[("SNUG_MEMORY", "1")]), Keep::Memory);
    let both = run("--memory --data /srv/chat", &[]).expect_err("it is one or the other");
    assert_eq!(both, "--memory keeps nothing on a disk, so --data has no place beside it; see server --help");
    let nowhere = parse([], |_| None, "server").expect_err("there is no home");
    assert!(nowhere.starts_with("nothing says where your data is kept"), "{nowhere}");
}

#[test]
fn how_often_it_is_written() {
    let sync = |value: &str| config(&format!("--sync {value}"), &[]).sync;
    assert_eq!((sync("always"), sync("200ms"), sync("1s")), (Span(0), Span(200), Span(1000)));
    for wrong in ["2s", "1001ms", "-1ms", "200", "ms", "1m", "1.5s"] {
        let said = run(&format!("--sync {wrong}"), &[]).expect_err("it is wrong");
        assert_eq!(
            said,
            format!(
                "--sync: '{wrong}' is neither always nor a time up to 1s, such as 200ms; see server --help"
            )
        );
    }
}

#[test]
fn flags_and_environment() {
    let both = config(
        "--listen 127.0.0.1:1 --listen=[::1]:2 --listen unix:/run/snug.sock --memory --max-rate 0",
        &[("SNUG_MAX_RATE", "7"), ("SNUG_LOG", "trace"), ("SNUG_ALLOW_ORIGIN", "http://a http://b")],
    );
    let places: Vec<String> = both.listen.iter().map(ToString::to_string).collect();
    assert_eq!(places, ["127.0.0.1:1", "[::1]:2", "unix:/run/snug.sock"]);
    assert_eq!(both.limits.rate, 0, "the command line wins");
    assert_eq!(both.log, LevelFilter::Trace);
    assert_eq!(both.allow_origin, ["http://a", "http://b"]);
    let proxies = config("--trust-proxy 10.0.0.0/8 --trust-proxy unix", &[]).proxies;
    assert_eq!(proxies, config("", &[("SNUG_TRUST_PROXY", "10.0.0.0/8 unix")]).proxies);
    assert_eq!(proxies.0.len(), 2);
}

#[test]
fn what_is_wrong_is_said() {
    let said = |line: &str| run(line, &[]).expect_err("it is wrong");
    assert_eq!(said("--lsten x"), "there is no option --lsten; see server --help");
    assert_eq!(
        said("--listen board"),
        "--listen: 'board' is not ADDR:PORT, such as 0.0.0.0:7684, nor unix:PATH; see server --help"
    );
    assert_eq!(
        said("--max-rate lots"),
        "--max-rate: 'lots' is not a whole number from 0 to 4294967295; see server --help"
    );
    assert_eq!(
        said("--log loud"),
        "--log: 'loud' is none of off, error, warn, info, debug, trace; see server --help"
    );
    assert_eq!(
        said("--trust-proxy 10.0.0.0/33"),
        "--trust-proxy: '10.0.0.0/33': that is no ADDRESS[/BITS], such as 10.0.0.2, 10.0.0.0/8 or fd00::/8, nor unix; \
         see server --help"
    );
    assert_eq!(said("lobby"), "unexpected argument \"lobby\"; see server --help");
    assert_eq!(
        run("", &[("SNUG_MAX_RATE", "x")]).expect_err("it is wrong"),
        "SNUG_MAX_RATE: 'x' is not a whole number from 0 to 4294967295; see server --help"
    );
}

#[test]
fn help_names_every_flag() {
    let Ok(Wish::Tell(help)) = run("--help", &[]) else { panic!("no help") };
    for flag in FLAGS {
        assert!(help.contains(&format!("--{}", flag.name)), "{}", flag.name);
    }
    assert!(help.lines().all(|line| line.len() <= 120));
}

#[test]
fn the_defaults_are_those_that_help_names() {
    for flag in FLAGS {
        let is_number = ["N", "BYTES", "SECONDS", "MIB"].contains(&flag.value);
        assert!(!is_number || flag.help.contains("; 0 lifts the limit]") || flag.help.contains("; 0: "));
        let Some((_, default)) = flag.help.split_once("[default: ") else { continue };
        if default.starts_with('$') {
            continue;
        }
        let end = default.find([';', ',', ']']).expect("the bracket is closed");
        let line = format!("--{} {}", flag.name, &default[..end]);
        assert_eq!(config(&line, &[]), config("", &[]), "{line}");
    }
}
