//! Finds programs: on this host if it has them, otherwise in the tools tree.

use std::borrow::Cow;
use std::env;
use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, anyhow, bail};

use super::signals;
use super::tree::{Tools, Tree, is_root};

/// Programs of one package.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Need {
    /// Their names on a command line.
    pub(crate) programs: &'static [&'static str],
    /// The Debian package that contains them.
    pub(crate) package: &'static str,
}

/// A place where programs are.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// This host.
    Host,
    /// A tools tree.
    Tree(Tree),
}

impl Source {
    /// Looks in `PATH` only.
    pub(crate) fn of_host(need: Need) -> Option<Self> {
        need.programs.iter().all(|program| is_in_path(program)).then_some(Self::Host)
    }

    /// Looks in `PATH` first, then in the tools tree.
    ///
    /// # Errors
    /// When neither has the programs. The error names the Debian package.
    pub(crate) fn of(need: Need, tools: &Tools) -> Result<Self> {
        let missing = need.programs.iter().find(|program| !is_in_path(program));
        let Some(missing) = missing else { return Ok(Self::Host) };
        let instead = format!("install it on Debian: apt-get install {}", need.package);
        let tree = tools.tree().map_err(|why| {
            anyhow!(
                "this host has no {missing}, and {why:#}: {instead}; or let `pattern build` make the tree; or name \
                 another with --tools DIR"
            )
        })?;
        if let Some(missing) = need.programs.iter().find(|name| !is_in_tree(&tree.path, name)) {
            let tree = tree.path.display();
            bail!(
                "neither this host nor the tools tree {tree} has {missing}: {instead}; or let `pattern build` make the \
                 tree anew, if another version of pattern made it"
            );
        }
        Ok(Self::Tree(tree))
    }

    /// Looks in the tree first, for programs that are too old on some hosts.
    ///
    /// # Errors
    /// When neither has the programs. The error names the Debian package.
    pub(crate) fn tree_first(need: Need, tools: &Tools) -> Result<Self> {
        let has =
            |tree: &Tree| need.programs.iter().all(|name| tree.path.join("usr/bin").join(name).exists());
        tools.tree().ok().filter(has).map_or_else(|| Self::of(need, tools), |tree| Ok(Self::Tree(tree)))
    }

    /// Returns a command that runs one of the programs. It is told to end when the process that
    /// started it does.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = match self {
            Self::Host => Command::new("setpriv"),
            Self::Tree(tree) => private_mounts(&tree.path),
        };
        // QEMU gives the terminal back then.
        command.args(["--pdeathsig", "TERM", "--"]).arg(program);
        command
    }
}

/// Returns `setpriv` with the tools tree's `/usr` in place of the host's, for one command only. Its
/// programs then find the libraries and modules that they were built with.
fn private_mounts(tree: &Path) -> Command {
    let mut command = Command::new("unshare");
    command.arg("--mount");
    if !is_root() {
        command.arg("--map-root-user");
    }
    command.args(["sh", "-c", r#"mount --bind "$0" /usr && exec "$@""#]);
    command.arg(tree.join("usr")).arg("setpriv");
    command
}

fn is_in_tree(tree: &Path, program: &str) -> bool {
    ["usr/bin", "usr/sbin"].iter().any(|folder| tree.join(folder).join(program).exists())
}

fn is_in_path(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Returns a path that a program does not take for an option or for standard input, whatever the path is.
pub(crate) fn operand(path: &Path) -> Cow<'_, Path> {
    let is_plain = !path.as_os_str().as_encoded_bytes().starts_with(b"-");
    if is_plain { path.into() } else { Path::new(".").join(path).into() }
}

/// Runs a command to its end, and returns its output. An error has the command's error messages.
pub(crate) fn output(doing: &str, command: &mut Command) -> Result<Vec<u8>> {
    output_by(signals::spawn, doing, command)
}

/// Does the same after a signal, too, for commands that clean up.
pub(crate) fn output_always(doing: &str, command: &mut Command) -> Result<Vec<u8>> {
    output_by(Command::spawn, doing, command)
}

type Spawn = fn(&mut Command) -> io::Result<Child>;

fn output_by(spawn: Spawn, doing: &str, command: &mut Command) -> Result<Vec<u8>> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = spawn(command).with_context(|| format!("{doing}: starting {}", name(command)))?;
    finish(doing, child)
}

/// Returns the name of the program that a command runs, whatever starts it.
pub(crate) fn name(command: &Command) -> String {
    let mut words = command.get_args().skip_while(|word| *word != "--").skip(1);
    let starts_another = ["setpriv", "unshare"].iter().any(|name| command.get_program() == *name);
    let program = if starts_another { words.next() } else { None };
    program.unwrap_or(command.get_program()).to_string_lossy().into_owned()
}

/// Does the same for a command that was already started.
pub(crate) fn finish(doing: &str, child: Child) -> Result<Vec<u8>> {
    let output = child.wait_with_output().with_context(|| format!("{doing}: waiting"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let mut said = said.trim().lines().map(str::trim).collect::<Vec<_>>();
        // gpg says it twice that it can't sign.
        said.dedup();
        bail!("{doing}: {}: {}", output.status, said.join("; "));
    }
    Ok(output.stdout)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::host::temporary;

    const NOWHERE: Need = Need { programs: &["sh", "no-such-program"], package: "some-package" };

    fn at(folder: &Path) -> Tools {
        Tools::At(folder.to_owned())
    }

    #[test]
    fn the_host_comes_first() {
        let need = Need { programs: &["sh"], package: "dash" };
        assert!(matches!(Source::of(need, &at(Path::new("/nonexistent"))), Ok(Source::Host)));
    }

    #[test]
    fn the_tools_tree_comes_second() {
        let place = temporary::folder().unwrap();
        let tools = at(place.path());
        let programs = place.path().join("tree/usr/bin");
        fs::create_dir_all(&programs).unwrap();
        fs::write(programs.join("sh"), "").unwrap();
        let error = Source::of(NOWHERE, &tools).unwrap_err().to_string();
        assert!(error.starts_with("neither this host nor the tools tree "), "{error}");
        assert!(error.ends_with("make the tree anew, if another version of pattern made it"), "{error}");
        fs::write(programs.join("no-such-program"), "").unwrap();
        let tree = place.path().join("tree").canonicalize().unwrap();
        let found = Source::of(NOWHERE, &tools).unwrap();
        assert!(matches!(&found, Source::Tree(found) if found.path == tree), "{found:?}");
        let command = format!("{:?}", found.command("swtpm"));
        assert!(command.starts_with(r#""unshare" "--mount""#), "{command}");
        let usr = tree.join("usr");
        let end = format!("{usr:?} \"setpriv\" \"--pdeathsig\" \"TERM\" \"--\" \"swtpm\"");
        assert!(command.ends_with(&end), "{command}");
    }

    #[test]
    fn the_package_is_named_when_a_program_is_nowhere() {
        let error = Source::of(NOWHERE, &at(Path::new("/nonexistent"))).unwrap_err().to_string();
        let expected = "this host has no no-such-program, and /nonexistent has no tools tree: install it \
                        on Debian: apt-get install some-package; or let `pattern build` make the tree; or name \
                        another with --tools DIR";
        assert_eq!(error, expected);
    }

    #[test]
    fn runs_the_hosts_own_directly() {
        let command = format!("{:?}", Source::Host.command("swtpm"));
        assert_eq!(command, r#""setpriv" "--pdeathsig" "TERM" "--" "swtpm""#);
    }

    #[test]
    fn a_program_has_its_own_name() {
        assert_eq!(name(&Source::Host.command("swtpm")), "swtpm");
        assert_eq!(name(private_mounts(Path::new("/t")).args(["--", "swtpm", "--"])), "swtpm");
        assert_eq!(name(Command::new("cp").args(["--", "a"])), "cp");
    }

    #[test]
    fn a_path_is_not_an_option() {
        for (path, wanted) in [("-x/y", "./-x/y"), ("-", "./-"), ("x/-y", "x/-y"), ("/-x", "/-x"), ("", "")] {
            assert_eq!(operand(Path::new(path)).as_os_str(), wanted);
        }
    }

    #[test]
    fn a_failure_has_what_the_program_said() {
        let error =
            output("testing", Command::new("sh").args(["-c", "echo a >&2; echo a >&2; echo b >&2; exit 3"]));
        assert_eq!(error.unwrap_err().to_string(), "testing: exit status: 3: a; b");
    }
}
