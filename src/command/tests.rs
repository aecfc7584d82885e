//! Each command line means one thing, and options may stand in any place. A wrong one is answered with the
//! word that is wrong and what is allowed.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

use super::*;
use crate::config::limit::Window;
use crate::config::size::Size;

fn read(line: &str) -> Result<Command, String> {
    parse(line.split_whitespace().map(OsString::from)).map_err(|wrong| wrong.to_string())
}

/// What `pattern` answers to a wrong line, without the usage.
fn wrong(line: &str) -> String {
    let said = read(line).unwrap_err();
    let (first, rest) = said.split_once('\n').unwrap();
    assert!(rest.ends_with("--help"), "{said}");
    first.to_owned()
}

#[test]
fn each_command_is_read() {
    let update = |version: Option<&str>, force| Command::Update {
        version: version.map(str::to_owned),
        force,
        dry_run: false,
        limit: None,
    };
    let limited = |size: u64, window: Option<&str>| Command::Update {
        version: None,
        force: false,
        dry_run: false,
        limit: Some(Limit {
            size: Size::from_bytes(size),
            window: window.map(|text| Window::parse(text).unwrap()),
        }),
    };
    let diff = |as_json, within: Option<&str>| {
        let within = within.map(|path| crate::etc::Path::new(path).unwrap());
        Command::Etc(Etc::Diff { as_json, within })
    };
    let cases = [
        ("status", Command::Status { as_json: false, verify: false }),
        ("status --json", Command::Status { as_json: true, verify: false }),
        ("status --verify", Command::Status { as_json: false, verify: true }),
        ("update", update(None, false)),
        ("update --force", update(None, true)),
        ("update 1.2", update(Some("1.2"), false)),
        ("update --dry-run", Command::Update { version: None, force: false, dry_run: true, limit: None }),
        ("update --limit 50M", limited(50 << 20, None)),
        ("update --limit=0 --window 22:00-06:00", limited(0, Some("22:00-06:00"))),
        // A drop-in of the machine adds to what the image says.
        ("update --limit 50M --limit 4K", limited(4096, None)),
        ("rollback", Command::Rollback),
        ("check-update", Command::CheckUpdate { as_json: false }),
        ("check-update --json", Command::CheckUpdate { as_json: true }),
        ("etc diff", diff(false, None)),
        ("etc diff --json", diff(true, None)),
        ("etc diff /etc", diff(false, None)),
        ("etc diff /etc/ssh/", diff(false, Some("ssh"))),
        ("etc diff ssh/sshd_config", diff(false, Some("ssh/sshd_config"))),
        ("etc diff etc", diff(false, Some("etc"))),
        ("etc conflicts --json", Command::Etc(Etc::Conflicts { as_json: true })),
        ("etc take /etc/nanorc", Command::Etc(Etc::Take(crate::etc::Path::new("nanorc").unwrap()))),
        ("etc keep ssh/", Command::Etc(Etc::Keep(crate::etc::Path::new("ssh").unwrap()))),
        ("etc undo", Command::Etc(Etc::Undo)),
        ("etc history", Command::Etc(Etc::History { as_json: false })),
        ("rebind", Command::Rebind),
        ("rebind --ahead", Command::Announce { files: Vec::new(), additions: false }),
        ("rebind --additions --ahead", Command::Announce { files: Vec::new(), additions: true }),
        ("recovery", Command::Recovery(Recovery::Status { as_json: false })),
        ("recovery status", Command::Recovery(Recovery::Status { as_json: false })),
        ("recovery --json", Command::Recovery(Recovery::Status { as_json: true })),
        ("recovery confirm", Command::Recovery(Recovery::Confirm)),
        ("recovery new", Command::Recovery(Recovery::New)),
        ("recovery wipe-slot 7", Command::Recovery(Recovery::WipeSlot(7))),
        ("reset", Command::Reset(Reset::Ask { word: Word::Here, now: false })),
        ("reset --yes", Command::Reset(Reset::Ask { word: Word::Given, now: false })),
        ("reset --ask", Command::Reset(Reset::Ask { word: Word::AtConsole, now: false })),
        ("reset --cancel", Command::Reset(Reset::Cancel)),
        ("reset --status", Command::Reset(Reset::Status { as_json: false })),
        ("--version", Command::Version),
        ("-V", Command::Version),
    ];
    for (line, command) in cases {
        assert_eq!(read(line), Ok(command), "{line}");
    }
}

#[test]
fn options_stand_in_any_place() {
    let cases = [
        ("status --json --verify", "status --verify --json"),
        ("update 1.2 --force", "update --force 1.2"),
        ("update 1.2 --limit 5M", "update --limit=5M 1.2"),
        ("recovery status --json", "recovery --json status"),
        ("etc diff --json ssh", "etc --json diff ssh"),
        ("reset --status --json", "reset --json --status"),
        ("reset --yes --now", "reset --now --yes"),
        ("rebind --ahead db=a dbx=b", "rebind db=a --ahead dbx=b"),
    ];
    for (one, other) in cases {
        assert!(read(one).is_ok(), "{one}");
        assert_eq!(read(one), read(other), "{one}");
    }
}

#[test]
fn an_announcement_names_files_of_variables() {
    let files = [(Variable::Dbx, PathBuf::from("a=b")), (Variable::Kek, PathBuf::from("/k"))];
    assert_eq!(
        read("rebind --ahead dbx=a=b KEK=/k"),
        Ok(Command::Announce { files: files.into(), additions: false })
    );
    for word in ["PK=/k", "dbx", "dbx=", "DB=/k"] {
        let said = format!("rebind: {word:?} is not dbx=FILE, db=FILE or KEK=FILE");
        assert_eq!(wrong(&format!("rebind --ahead {word}")), said);
    }
    assert_eq!(wrong("rebind --additions"), "rebind: --additions goes only with --ahead");
    assert_eq!(wrong("rebind dbx=a"), r#"rebind: "dbx=a" goes only with --ahead"#);
}

#[test]
fn help_is_behind_every_command() {
    for topic in topics() {
        let help = read(&format!("help {}", topic.name)).unwrap();
        for line in ["NAME --help", "NAME -h", "--help NAME", "NAME some words --help"] {
            let line = line.replace("NAME", topic.name);
            assert_eq!(read(&line), Ok(help.clone()), "{line}");
        }
        for option in topic.options {
            let value = if topic::VALUED.contains(option) { " x" } else { "" };
            assert_eq!(read(&format!("{} {option}{value} --help", topic.name)), Ok(help.clone()), "{option}");
        }
    }
    assert_eq!(read("reset --yes --now -h"), read("help reset"));
    let all = read("help");
    assert!(
        matches!(&all, Ok(Command::Help(text)) if text.starts_with("Usage: pattern COMMAND\n")),
        "{all:?}"
    );
    assert_eq!((read("--help"), read("-h"), read("help --help")), (all.clone(), all.clone(), all));
    assert_eq!(wrong("help statsu"), r#"there is no command "statsu"; did you mean status?"#);
    assert_eq!(wrong("help reset now"), r#"unexpected argument "now""#);
}

#[test]
fn the_help_of_a_command_is_its_part_of_the_whole() {
    let Ok(Command::Help(all)) = read("--help") else { panic!() };
    for topic in topics() {
        let Ok(Command::Help(text)) = read(&format!("{} --help", topic.name)) else { panic!() };
        let (usage, rest) = text.split_once("\n\n").unwrap();
        let (lines, end) = rest.split_once("\n\n").unwrap();
        assert_eq!(usage, topic.usage().trim_end());
        assert!(all.contains(&format!("\n\n{lines}\n")) || all.contains(&format!("\n{lines}\n")), "{lines}");
        assert!(end.starts_with("Exit status: ") && all.ends_with(end), "{end}");
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        let named = |text: &str| topic.options.iter().filter(|option| text.contains(**option)).count();
        assert_eq!((named(usage), named(lines)), (topic.options.len(), topic.options.len()), "{text}");
        assert_eq!(
            lines.matches("    --").count() + lines.matches("; --").count(),
            topic.options.len(),
            "{lines}"
        );
    }
}

#[test]
fn a_wrong_word_is_named_with_what_is_allowed() {
    let commands = "the commands are status, update, rollback, check-update, etc, rebind, recovery, reset";
    let cases = [
        ("", format!("a command is missing; {commands}")),
        ("rset", r#"there is no command "rset"; did you mean reset?"#.to_owned()),
        ("frobnicate", format!(r#"there is no command "frobnicate"; {commands}"#)),
        ("--json status", "there is no option --json here; the options are --help, --version".to_owned()),
        ("-j", "there is no option -j here; the options are -h, -V".to_owned()),
        ("--version now", r#"unexpected argument "now""#.to_owned()),
        (
            "status --force",
            "status: there is no option --force here; the options are --json, --verify, --help".to_owned(),
        ),
        (
            "status -j",
            "status: there is no option -j here; the options are --json, --verify, --help".to_owned(),
        ),
        ("status --json=x", r#"status: unexpected argument for option '--json': "x""#.to_owned()),
        ("status now", r#"status: "now" is one word too many"#.to_owned()),
        ("rollback 1.2", r#"rollback: "1.2" is one word too many"#.to_owned()),
        ("update 1.2 1.3", r#"update: "1.3" is one word too many"#.to_owned()),
        ("update --limit", "update: missing argument for option '--limit'".to_owned()),
        (
            "update --limit 50MB",
            r#"update: --limit must be a whole number and a unit (K, M, G or T, powers of 1024), such as "200M", not "50MB""#
                .to_owned(),
        ),
        (
            "update --limit 50M --window 1-5",
            r#"update: --window must be two times of the day such as "01:00-05:00", not "1-5""#.to_owned(),
        ),
        ("update --window 01:00-05:00", "update: --window goes only with --limit".to_owned()),
        ("check-update now", r#"check-update: "now" is one word too many"#.to_owned()),
        ("etc", "etc: etc needs a command: diff, conflicts, take, keep, undo, history".to_owned()),
        ("etc dif", r#"etc: there is no command "dif"; did you mean diff?"#.to_owned()),
        ("etc diff a b", r#"etc: "b" is one word too many"#.to_owned()),
        ("etc undo a", r#"etc: "a" is one word too many"#.to_owned()),
        ("etc take", "etc: take needs a PATH, such as ssh/sshd_config".to_owned()),
        ("etc take /etc", r#"etc: "/etc" is not a path below /etc, such as ssh/sshd_config"#.to_owned()),
        ("etc take a --json", "etc: --json goes only with diff, conflicts and history".to_owned()),
        (
            "etc diff /usr/lib",
            r#"etc: "/usr/lib" is not a path below /etc, such as ssh/sshd_config"#.to_owned(),
        ),
        (
            "etc diff ../shadow",
            r#"etc: "../shadow" is not a path below /etc, such as ssh/sshd_config"#.to_owned(),
        ),
        ("recovery confrim", r#"recovery: there is no command "confrim"; did you mean confirm?"#.to_owned()),
        (
            "recovery x",
            r#"recovery: there is no command "x"; the commands are status, confirm, new, wipe-slot"#
                .to_owned(),
        ),
        ("recovery new now", r#"recovery: "now" is one word too many"#.to_owned()),
        ("recovery wipe-slot", "recovery: wipe-slot needs a KEYSLOT: a number".to_owned()),
        ("recovery wipe-slot -- -1", r#"recovery: "-1" is not the number of a keyslot"#.to_owned()),
        ("recovery wipe-slot 1 2", r#"recovery: "2" is one word too many"#.to_owned()),
        ("recovery new --json", "recovery: --json goes only with status".to_owned()),
    ];
    for (line, said) in cases {
        assert_eq!(wrong(line), said, "{line}");
    }
}

#[test]
fn a_reset_whose_options_contradict_each_other_is_refused() {
    let pairs =
        ["yes ask", "cancel yes", "cancel ask", "cancel now", "cancel status", "status yes", "status now"];
    for (one, other) in pairs.map(|pair| pair.split_once(' ').unwrap()) {
        let said = format!("reset: --{one} and --{other} contradict each other");
        assert_eq!(wrong(&format!("reset --{one} --{other}")), said);
        assert_eq!(wrong(&format!("reset --{other} --{one}")), said);
    }
    for line in ["reset --json", "reset --yes --json", "reset --json --cancel"] {
        assert_eq!(wrong(line), "reset: --json goes only with --status", "{line}");
    }
}

#[test]
fn wrong_usage_ends_with_what_is_right() {
    let said = "reset: --yes and --ask contradict each other\n\
                Usage: pattern reset [--yes | --ask] [--now]\n       pattern reset --cancel\n       \
                pattern reset --status [--json]\nTry: pattern reset --help";
    assert_eq!(read("reset --yes --ask").unwrap_err(), said);
    let said = "there is no command \"rest\"; did you mean reset?\nTry: pattern --help";
    assert_eq!(read("rest").unwrap_err(), said);
}

#[test]
fn commands_of_the_host_are_known_as_such() {
    for (line, command) in [
        ("build", "build"),
        ("build --help", "build"),
        ("help run", "run"),
        ("config check pattern.toml", "config"),
        ("recovery decrypt x.age --identity key", "recovery decrypt"),
    ] {
        let said = format!("`pattern {command}` is a command of the host tool, not of the machine");
        assert_eq!(wrong(line), said, "{line}");
    }
}

#[test]
fn a_word_that_is_not_text_is_an_error() {
    let broken = OsString::from_vec(b"1.\xff2".to_vec());
    for words in [vec![broken.clone()], vec!["update".into(), broken.clone()], vec!["help".into(), broken]] {
        let said = parse(words).unwrap_err().to_string();
        assert_eq!(said, "\"1.\\xFF2\" is not UTF-8 text\nTry: pattern --help");
    }
    assert_eq!(
        wrong("update --\u{1b}[2J"),
        "update: there is no option --\\u{1b}[2J here; the options are --force, --dry-run, --limit, --window, --help"
    );
}
