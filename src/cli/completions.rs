//! `bellwire completions`: what a shell needs to know to complete command lines.
//!
//! What is in the scripts follows from the command line. Names of sinks, rules and sources do not stand in
//! them: they ask for those of the configuration there is, and hear nothing where there is none.

use std::path::PathBuf;

use clap::ValueEnum;
use clap_complete::Shell;

use super::{Exit, configuration, output};

/// Behind the script for bash. What no name is asked for is left to that script.
const BASH: &str = r#"
_bellwire_names() {
    local what="" at=${COMP_CWORD} word config=()
    case "${COMP_WORDS[at-1]}" in
        --sink) what=sinks ;;
        --rule) what=rules ;;
        --source) what=sources ;;
        send) [[ $at -eq 2 ]] && what=sinks ;;
        tail) [[ $at -eq 2 ]] && what=sources ;;
    esac
    if [[ -z $what || ${COMP_WORDS[at]} == -* ]]; then
        _bellwire "$@"
        return
    fi
    for ((word = 2; word < ${#COMP_WORDS[@]} - 1; word++)); do
        [[ ${COMP_WORDS[word]} == --config ]] && config=(--config "${COMP_WORDS[word+1]}")
    done
    COMPREPLY=( $(compgen -W "$("$1" completions --names "$what" "${config[@]}" 2>/dev/null)" -- "${COMP_WORDS[at]}") )
}

complete -F _bellwire_names -o bashdefault -o default bellwire
"#;

/// Behind the script for fish.
const FISH: &str = r#"
complete -c bellwire -n "__fish_bellwire_using_subcommand send" -f -a "(bellwire completions --names sinks 2>/dev/null)"
complete -c bellwire -n "__fish_bellwire_using_subcommand tail" -f -a "(bellwire completions --names sources 2>/dev/null)"
complete -c bellwire -n "__fish_seen_subcommand_from queue replay" -l sink -x -a "(bellwire completions --names sinks 2>/dev/null)"
complete -c bellwire -n "__fish_seen_subcommand_from replay" -l rule -x -a "(bellwire completions --names rules 2>/dev/null)"
complete -c bellwire -n "__fish_seen_subcommand_from explain" -l source -x -a "(bellwire completions --names sources 2>/dev/null)"
"#;

/// Print the completions of a shell, to be read by it at its start.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bellwire completions bash > ~/.local/share/bash-completion/completions/bellwire
  bellwire completions zsh > ~/.zfunc/_bellwire
  bellwire completions fish > ~/.config/fish/completions/bellwire.fish

zsh has to look there: `fpath+=~/.zfunc` before `compinit` in ~/.zshrc. In bash and fish, the names of \
sinks, rules and sources are completed from the configuration.")]
pub(super) struct Args {
    /// The shell.
    #[arg(value_name = "SHELL", required = true)]
    shell: Option<Shell>,
    /// Print the names of these in the configuration instead, one a line, as the scripts ask for them.
    #[arg(long, hide = true, value_name = "WHAT", conflicts_with = "shell")]
    names: Option<Names>,
    /// The configuration file whose names are asked for.
    #[arg(long, hide = true, value_name = "FILE", requires = "names")]
    config: Option<PathBuf>,
}

/// What a name can be of.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Names {
    Sinks,
    Rules,
    Sources,
}

pub(super) fn run(args: &Args) -> Exit {
    if let Some(names) = args.names {
        let known: Vec<String> =
            configuration::named(args.config.as_deref(), |config| match names {
                Names::Sinks => config
                    .sinks
                    .iter()
                    .map(|sink| sink.name.to_string())
                    .collect(),
                Names::Rules => config
                    .rules
                    .iter()
                    .map(|rule| rule.name.to_string())
                    .collect(),
                Names::Sources => config
                    .sources
                    .iter()
                    .map(|one| one.name.to_string())
                    .collect(),
            });
        known
            .iter()
            .filter(|name| is_plain(name))
            .for_each(|name| output::line(name));
    }
    if let Some(shell) = args.shell {
        output::text(&script(shell));
    }
    Exit::Done
}

fn script(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut super::command(), "bellwire", &mut script);
    let more = match shell {
        Shell::Bash => BASH,
        Shell::Fish => FISH,
        _ => "",
    };
    format!("{}{more}", String::from_utf8_lossy(&script))
}

/// Whether a shell takes a name as nothing but a name. bash expands what it is given to choose from.
fn is_plain(name: &str) -> bool {
    let is_plain = |character: char| character.is_alphanumeric() || "_-.".contains(character);
    !name.is_empty() && !name.starts_with('-') && name.chars().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_is_given_no_name_that_it_would_obey() {
        assert!(is_plain("gold-tp") && is_plain("tp_1.5") && is_plain("größe"));
        for name in [
            "",
            "-n",
            "a b",
            "$(touch x)",
            "`x`",
            "a;b",
            "a\nb",
            "*",
            "~",
            "'",
        ] {
            assert!(!is_plain(name), "{name:?}");
        }
    }
}
