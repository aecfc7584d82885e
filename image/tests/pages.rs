//! Each command line on each page is one that the programs take: the host's tool, the program of the machine, `make`. What
//! other programs do is in a table with the reason why no test here runs it; a command that is not in it fails.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use pattern_image::args::{self, Answer};

/// Commands of other programs, by how they begin, and why they are not tried here.
const OTHERS: [(&str, &str); 45] = [
    ("diff /etc/nanorc", "the scenario `etc_choices` has the file's own by `cmp`"),
    ("git init", "a folder of the reader's, for Nix"),
    (
        "git add",
        "a folder of the reader's, for Nix: `git_ignores_the_keys_of_a_system_by_the_template` adds so",
    ),
    ("cd", "the reader's shell"),
    ("export", "the reader's shell"),
    ("git clone", "only the reader knows from where"),
    ("git log", "the date of the reader's own commit"),
    ("cargo test", "this is one"),
    ("sed -i", "the scenario `install` types it"),
    ("date", "`make reproducible` reads the same date"),
    ("cmp", "`make reproducible` compares the same files"),
    ("jq", "reads JSON whose form other tests hold"),
    ("gpgv", "needs a release; the test `signing` verifies one by gpg"),
    ("sha256sum --check", "needs a release; the test `signing` looks at its sums"),
    ("age-keygen", "another program's; it has no option here that could change"),
    ("age --decrypt", "needs the disk of a machine"),
    ("nix", "needs Nix and the network; `nix/check` evaluates the same expressions"),
    ("apt-get install", "needs the packages of `make deb`, which installs them in a chroot"),
    ("dracut", "`vm-tests/scripts/build-dracut` runs it"),
    ("cp pattern.toml", "belongs to the initrd by dracut"),
    ("cp my-authority.crt", "on a machine, with an authority of one's own"),
    ("mkdir -p", "on a machine"),
    ("cp rack-3.addon.efi", "on a machine: the scenario `add_on` does so"),
    ("cp console.addon.efi", "on a machine: the scenario `add_on` does so"),
    ("rm /boot/loader/addons/rack-3.addon.efi", "on a machine: takes an add-on away"),
    ("update-ca-certificates", "on a machine: the scenario `update_for_use` does so"),
    ("distrobox", "on a machine: the scenario `userspace` does so"),
    ("bwrap", "on a machine: the scenario `userspace` does so"),
    ("mount", "needs the disk of a machine"),
    ("cryptsetup", "needs the disk of a machine"),
    ("tpm2_dictionarylockout", "needs the TPM of a machine"),
    ("systemctl reboot", "restarts the machine"),
    ("systemctl status", "on a machine"),
    ("systemctl restart pattern-host.service", "on a machine"),
    ("rm /etc/ssh/ssh_host_", "on a machine: takes its keys away"),
    ("ssh-keygen -A", "on a machine: makes its keys anew"),
    ("journalctl", "on a machine"),
    ("umount", "needs the disk of a machine"),
    ("dd", "needs two disks; the machine `larger` has such a copy"),
    ("tar", "on a machine: its files"),
    ("rsync", "needs a server of the reader's"),
    ("curl --head", "needs a server of the reader's"),
    ("systemctl enable --now systemd-sysupdate.timer", "on a machine; an appliance has it by its preset"),
    ("bootctl status", "on a machine"),
    ("systemd-cryptenroll", "needs the disk of a machine"),
];

/// How blocks begin that are not command lines, and what they are.
const CONTENT: [(&str, &str); 12] = [
    ("[", "a part of a configuration file"),
    ("{", "a user record"),
    ("‣", "what systemd-homed asks"),
    ("#!", "a script of an image"),
    ("# Nobody but root", "a file of sysctl.d"),
    ("ssh-ed25519 ", "a public key"),
    ("RootPassword=", "a setting of mkosi"),
    ("u me ", "a file of sysusers.d"),
    ("d /home/me ", "a file of tmpfiles.d"),
    ("inputs.", "an expression of Nix"),
    ("pattern.plan_only ", "words of the kernel command line"),
    ("FILE:LINE: ", "the form of a message"),
];

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// All pages with command lines, as a reader has them.
fn pages() -> Vec<(PathBuf, String)> {
    let folders = [
        "",
        "docs",
        "docs/man",
        "image/init/common",
        "image/init/server",
        "image/init/desktop",
        "image/init/appliance",
    ];
    let entries = folders.iter().flat_map(|folder| fs::read_dir(top().join(folder)).unwrap());
    let paths =
        entries.map(|entry| entry.unwrap().path()).filter(|path| path.extension() == Some("md".as_ref()));
    let read = |path: PathBuf| {
        // The templates of `pattern init`.
        let text = fs::read_to_string(&path).unwrap();
        let values = [("{{id}}", "mine"), ("{{run}}", ""), ("{{tools}}", " --tools /tools")];
        let text = values.iter().fold(text, |text, (place, value)| text.replace(place, value));
        (path, text)
    };
    paths.map(read).collect()
}

/// The indented blocks of a page, line by line.
fn blocks(page: &str) -> Vec<Vec<&str>> {
    let mut blocks: Vec<Vec<&str>> = Vec::new();
    let (mut before, mut fenced) = ("", false);
    for line in page.lines() {
        assert!(
            !["```sh", "```console"].iter().any(|fence| line.starts_with(fence)),
            "indent commands by four blanks: {line}"
        );
        fenced ^= line.starts_with("```");
        if let Some(code) = line.strip_prefix("    ").filter(|_| !fenced) {
            match blocks.last_mut().filter(|_| before.starts_with("    ")) {
                Some(block) => block.push(code),
                None if before.is_empty() => blocks.push(vec![code]),
                None => {}
            }
        }
        before = line;
    }
    blocks
}

/// The command lines of a block: what is typed, without the prompt of root and what is printed then.
fn lines(block: &[&str]) -> Vec<String> {
    let has_prompt = block[0].starts_with("# ");
    let typed =
        block.iter().filter_map(|line| if has_prompt { line.strip_prefix("# ") } else { Some(*line) });
    // Behind two blanks and a # stands what the reader, not the shell, has to know.
    let typed = typed.map(|line| line.split("  # ").next().unwrap().trim());
    let joined = typed.fold(String::new(), |text, line| match line.strip_suffix('\\') {
        Some(start) => text + start,
        None => text + line + "\n",
    });
    joined.lines().filter(|line| !line.is_empty() && !line.starts_with("# ")).map(str::to_owned).collect()
}

/// The simple commands of a line, as the shell divides it. A substitution is a command, too, and a word of the one around it.
fn commands(line: &str) -> Vec<Vec<String>> {
    let (mut all, mut words, mut word, mut quote) = (Vec::new(), Vec::new(), None::<String>, None);
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match (c, quote) {
            ('$', None | Some('"')) if rest.starts_with('(') => {
                let end = closing(rest);
                all.extend(commands(&rest[1..end]));
                word.get_or_insert_default().push_str("SUBSTITUTED");
                rest = &rest[end + 1..];
            }
            ('\'' | '"', None) => (quote, word) = (Some(c), Some(word.unwrap_or_default())),
            (c, Some(open)) if c == open => quote = None,
            (' ', None) => words.extend(word.take()),
            ('|' | '&' | ';', None) => {
                words.extend(word.take());
                all.push(std::mem::take(&mut words));
            }
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    all.push(words);
    all.retain(|words| !words.is_empty());
    all
}

/// Where the parenthesis closes that a text begins with.
fn closing(text: &str) -> usize {
    let mut depth = 0;
    let close = |(_, c): &(usize, char)| {
        depth += i32::from(*c == '(') - i32::from(*c == ')');
        depth == 0
    };
    text.char_indices().find(close).unwrap_or_else(|| panic!("{text} does not close")).0
}

/// A command without what only says as whom and with which variables it runs.
fn bare(words: &[String]) -> &[String] {
    let is_variable = |word: &str| {
        word.split_once('=')
            .is_some_and(|(name, _)| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
    };
    let before =
        words.iter().take_while(|word| ["sudo", "run0"].contains(&word.as_str()) || is_variable(word));
    &words[before.count()..]
}

/// Says why a command is not one that its program takes. Notes which entries of the tables were used.
fn fault(words: &[String], used: &mut BTreeSet<&'static str>) -> Option<String> {
    let words = bare(words);
    match words.first()?.as_str() {
        "pattern" => no_pattern(words),
        "make" => words[1..]
            .iter()
            .find(|word| !word.contains('=') && !is_target(word))
            .map(|word| format!("no target {word}")),
        _ => {
            let line = words.join(" ");
            let starts = |known: &&(&str, &str)| {
                line.strip_prefix(known.0).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '*']))
            };
            let known = OTHERS.iter().find(starts);
            used.extend(known.map(|known| known.0));
            known.is_none().then(|| "neither ours nor in the table OTHERS".to_owned())
        }
    }
}

/// The host's tool or the machine's program takes it: they have no command in common.
fn no_pattern(words: &[String]) -> Option<String> {
    let host = args::parse(&words.iter().map(Into::into).collect::<Vec<_>>());
    let Err(Answer::Wrong(host)) = host else { return None };
    let machine = pattern::command::parse(words[1..].iter().map(Into::into)).err()?;
    Some(format!("on the host: {host}on the machine: {machine}"))
}

fn is_target(name: &str) -> bool {
    let makefile = fs::read_to_string(top().join("Makefile")).unwrap();
    makefile.lines().any(|line| {
        line.strip_prefix(name).is_some_and(|rest| rest.starts_with(':') && !rest.starts_with(":="))
    })
}

#[test]
fn each_command_on_a_page_is_one_that_its_program_takes() {
    let (mut faults, mut used, mut ours) = (Vec::new(), BTreeSet::new(), 0);
    for (path, text) in pages() {
        for block in blocks(&text) {
            if let Some((start, _)) = CONTENT.iter().find(|(start, _)| block[0].starts_with(start)) {
                used.insert(*start);
                continue;
            }
            for line in lines(&block) {
                for words in commands(&line) {
                    ours += usize::from(
                        ["pattern", "make"].contains(&bare(&words).first().map_or("", String::as_str)),
                    );
                    let fault = fault(&words, &mut used);
                    faults.extend(fault.map(|why| format!("{}: {line}\n  {why}", path.display())));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(ours > 80, "{ours} commands of ours were found");
    let unused: Vec<_> = OTHERS.iter().chain(&CONTENT).filter(|(start, _)| !used.contains(start)).collect();
    assert!(unused.is_empty(), "on no page: {unused:?}");
}

/// The test above can fail.
#[test]
fn what_a_program_does_not_take_is_noticed() {
    let said = |line: &str| {
        commands(line).iter().find_map(|words| fault(words, &mut BTreeSet::new())).unwrap_or_default()
    };
    for right in [
        "pattern build --keys x-keys && sudo pattern burn r /dev/sdX",
        "run0 pattern recovery wipe-slot 2",
        "https_proxy=http://p:1 pattern update 0.0.2",
        "pattern run --persist m --append 'a b' | jq .",
        "pattern run \"$(pattern build demo --json | jq -r .image)\"",
        "make vm T=update",
        "cd x",
    ] {
        assert_eq!(said(right), "", "{right}");
    }
    for (wrong, why) in [
        ("pattern build --key x", "unexpected argument '--key'"),
        ("cd x && pattern bulid", "unrecognized subcommand 'bulid'"),
        ("pattern run \"$(pattern build demo --jsn)\"", "unexpected argument '--jsn'"),
        ("pattern reset --know", "there is no option --know"),
        ("pattern update 1 2", "one word too many"),
        ("make vmm", "no target vmm"),
        ("make DEMO", "no target DEMO"),
        ("frobnicate x", "neither ours nor in the table"),
        ("cdx", "neither ours nor in the table"),
    ] {
        assert!(said(wrong).contains(why), "{wrong}: {}", said(wrong));
    }
}

#[test]
fn a_block_has_commands_and_what_they_print() {
    let page = "text\n\n    one \\\n      two  # why\n    # a note\n    three\n\n1. item\n    no block\n\n    # four\n    printed\n\
                ```\n    fenced\n```\n";
    let found: Vec<_> = blocks(page).iter().map(|block| lines(block)).collect();
    assert_eq!(found, [vec!["one two".to_owned(), "three".to_owned()], vec!["four".to_owned()]]);
}
