//! `pattern completion`: the scripts by which shells complete commands and options.

use anyhow::Result;
use clap::{Args, ValueEnum};
use clap_complete::{aot, generate};

use crate::host::results;

/// Options of `completion`.
#[derive(Args, Clone, Copy, PartialEq, Eq, Debug)]
pub struct Completion {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub shell: Shell,
}

/// A shell.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shell {
    /// Bash; the file is bash-completion/completions/pattern
    Bash,
    /// Zsh; the file is zsh/site-functions/_pattern
    Zsh,
    /// Fish; the file is fish/vendor_completions.d/pattern.fish
    Fish,
}

/// clap's script for bash offers options wherever a file may stand, and does not see the option in
/// `--option=VALUE`. Bash offers files if it is left with nothing.
const FILES_IN_BASH: &str = r#"
_pattern_or_files() {
    local word words=() before=$3
    [[ $3 != = ]] || before=${COMP_WORDS[COMP_CWORD - 2]}
    _pattern "$1" "$2" "$before"
    if [[ $2 != -* ]]; then
        for word in "${COMPREPLY[@]}"; do
            [[ $word == -* ]] || words+=("$word")
        done
        COMPREPLY=("${words[@]}")
    fi
}
complete -F _pattern_or_files -o bashdefault -o default pattern
"#;

/// Prints the script.
///
/// # Errors
/// When it can't be written.
pub fn completion(options: Completion) -> Result<()> {
    results::print(&script(options.shell))
}

fn script(shell: Shell) -> String {
    let (mut command, mut script) = (super::command(), Vec::new());
    match shell {
        Shell::Bash => generate(aot::Bash, &mut command, "pattern", &mut script),
        Shell::Zsh => generate(aot::Zsh, &mut command, "pattern", &mut script),
        Shell::Fish => generate(aot::Fish, &mut command, "pattern", &mut script),
    }
    if shell == Shell::Bash {
        script.extend(FILES_IN_BASH.bytes());
    }
    String::from_utf8_lossy(&script).into_owned()
}
