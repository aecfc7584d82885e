//! The help: for each command its usage, and lines that both `--help` and `COMMAND --help` print.

/// What there is to say of a command.
#[derive(Debug)]
pub struct Topic {
    /// The command's name.
    pub name: &'static str,
    /// Each way to use it, as in the synopsis of its manual page.
    pub usage: &'static [&'static str],
    /// Its options. Those of [`VALUED`] are followed by a value.
    pub options: &'static [&'static str],
    lines: &'static str,
}

/// Options that are followed by a value.
pub(super) const VALUED: [&str; 2] = ["--limit", "--window"];

pub(super) const STATUS: Topic = Topic {
    name: "status",
    usage: &["pattern status [--json] [--verify]"],
    options: &["--json", "--verify"],
    lines: "
  status             say what runs, what the next boot starts, what the volume
                     is like, and what to do about it
      --json         as a JSON object
      --verify       and read all of the version in the other slot",
};

pub(super) const UPDATE: Topic = Topic {
    name: "update",
    usage: &[
        "pattern update [--force] [--dry-run] [VERSION]",
        "pattern update --limit SIZE [--window HH:MM-HH:MM] [VERSION]",
    ],
    options: &["--force", "--dry-run", "--limit", "--window"],
    lines: "
  update             install the newest version beside the one that runs; it is
                     started at the next boot
      --force        even while this version is on trial
      --dry-run      only say how much would be fetched
      --limit SIZE   not now if more than this would be fetched, such as 50M,
                     unless NetworkManager calls the connection not metered
      --window HH:MM-HH:MM
                     between these times without the limit
  update VERSION     have the next boot start this version: one that is
                     installed, or is fetched; newer ones are put aside",
};

pub(super) const ROLLBACK: Topic = Topic {
    name: "rollback",
    usage: &["pattern rollback"],
    options: &[],
    lines: "
  rollback           have the next boot start the version before this one",
};

pub(super) const CHECK_UPDATE: Topic = Topic {
    name: "check-update",
    usage: &["pattern check-update [--json]"],
    options: &["--json"],
    lines: "
  check-update       say which version the next boot starts, and whether it will
                     open the persist volume by itself
      --json         as a JSON object",
};

pub(super) const ETC: Topic = Topic {
    name: "etc",
    usage: &[
        "pattern etc diff [--json] [PATH]",
        "pattern etc conflicts [--json]",
        "pattern etc take PATH",
        "pattern etc keep PATH",
        "pattern etc undo",
        "pattern etc history [--json]",
    ],
    options: &["--json"],
    lines: "
  etc diff [PATH]    say what of the kept /etc differs from the image's own, or
                     what does so at PATH and below
      --json         as a JSON object; also of conflicts and history
  etc conflicts      list what this machine and an update both changed
  etc take PATH      take the image's
  etc keep PATH      let the machine's stay
  etc undo           undo the last take or keep
  etc history        say what happened to the kept /etc",
};

pub(super) const REBIND: Topic = Topic {
    name: "rebind",
    usage: &["pattern rebind", "pattern rebind --ahead [--additions] [dbx=FILE | db=FILE | KEK=FILE]..."],
    options: &["--ahead", "--additions"],
    lines: "
  rebind             bind the persist volume to the TPM as it is now, with the
                     recovery key
      --ahead        before a restart that changes Secure Boot's keys: have the
                     volume open after it too, with no key; also by files that
                     will be appended: --ahead dbx=FILE, db=FILE, KEK=FILE
      --additions    with --ahead: also with the signed add-ons that lie there
                     for the next boot",
};

pub(super) const RECOVERY: Topic = Topic {
    name: "recovery",
    usage: &[
        "pattern recovery [status] [--json]",
        "pattern recovery confirm",
        "pattern recovery new",
        "pattern recovery wipe-slot KEYSLOT",
    ],
    options: &["--json"],
    lines: "
  recovery           say whether there is a recovery key, and whether it was
                     confirmed as kept
      --json         as a JSON object
  recovery confirm   enter the recovery key, to confirm that it was kept
  recovery new       make a new recovery key in place of the one there is
  recovery wipe-slot KEYSLOT
                     remove a keyslot that is neither the TPM's nor a recovery
                     key's",
};

pub(super) const RESET: Topic = Topic {
    name: "reset",
    usage: &[
        "pattern reset [--yes | --ask] [--now]",
        "pattern reset --cancel",
        "pattern reset --status [--json]",
    ],
    options: &["--yes", "--ask", "--now", "--cancel", "--status", "--json"],
    lines: "
  reset              have the next boot erase all that is kept: a factory reset
      --yes          without asking first
      --ask          have the next boot ask on its console, and erase only after
                     that answer
      --now          and restart
      --cancel       keep it after all
      --status       say whether the next boot does so; --json: as a JSON object",
};

const END: &str = "
Exit status: 0 success, or yes; 1 failure, or no; 2 wrong usage; 3 can't be
said from here; 75 not now, later.
";

impl Topic {
    /// Returns the ways to use the command, each as a line.
    pub(super) fn usage(&self) -> String {
        self.usage.iter().enumerate().fold(String::new(), |text, (index, usage)| {
            text + if index == 0 { "Usage: " } else { "       " } + usage + "\n"
        })
    }

    /// Returns what `COMMAND --help` prints.
    pub(super) fn help(&self) -> String {
        format!("{}{}\n{END}", self.usage(), self.lines)
    }
}

/// Returns what `--help` prints.
pub(super) fn help(topics: impl Iterator<Item = &'static Topic>) -> String {
    let lines: String = topics.map(|topic| topic.lines).collect();
    format!(
        "Usage: pattern COMMAND\n{lines}\n\n  help COMMAND, COMMAND --help\n  -h, --help, -V, --version\n{END}"
    )
}
