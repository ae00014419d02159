//! What an operator may type.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::tool::Tool;

/// A Graphite-compatible metrics daemon: receivers, storage, rollups and the render API in one
/// binary.
#[derive(Debug, Parser)]
#[command(name = "plumbago", version, propagate_version = true)]
#[command(
    after_help = "Without a configuration file every key has its default: plaintext on \
    127.0.0.1:2003 (TCP and UDP), HTTP on 127.0.0.1:8080, points in ./data.\n\n\
    Examples:\n  \
    plumbago serve\n  \
    plumbago config print > /etc/plumbago.toml\n  \
    plumbago info /var/lib/plumbago\n\n\
    Each subcommand has examples of its own: plumbago help SUBCOMMAND."
)]
pub(super) struct CommandLine {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run the daemon until SIGTERM or SIGINT.
    ///
    /// SIGHUP reads the schema and aggregation files again. A second SIGTERM or SIGINT ends the
    /// process at once; no point that a query has shown is lost either way.
    #[command(after_help = "Examples:\n  \
        plumbago serve\n  \
        plumbago serve --config /etc/plumbago.toml\n  \
        plumbago serve --set storage.path=/var/lib/plumbago --set receiver.tcp.listen=0.0.0.0:2003\n  \
        plumbago serve --set storage.schemas_file=/etc/carbon/storage-schemas.conf")]
    Serve(Serve),
    /// Check or print the configuration.
    #[command(after_help = "Examples:\n  \
        plumbago config check --config /etc/plumbago.toml\n  \
        plumbago config print")]
    Config {
        #[command(subcommand)]
        action: ConfigAction,
    },
    /// Print a completion script for a shell.
    #[command(after_help = "Examples:\n  \
        plumbago completions bash > /etc/bash_completion.d/plumbago\n  \
        plumbago completions zsh > /usr/local/share/zsh/site-functions/_plumbago")]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Write the manual pages into a folder, one a subcommand.
    #[command(after_help = "Examples:\n  \
        plumbago man /usr/local/share/man/man1\n  \
        plumbago man ./man && man ./man/plumbago-fetch.1")]
    Man {
        /// The folder; it is made when there is none, and pages in it are replaced.
        #[arg(value_name = "FOLDER")]
        folder: PathBuf,
    },
    #[command(flatten)]
    Tool(Tool),
}

#[derive(Debug, Args)]
pub(super) struct Serve {
    #[command(flatten)]
    pub(super) settings: Settings,
    /// Start the daemon's clock at this time instead of the system's, written as from and until are
    /// (1750000000, 20250615, 14:00_20250615, -1d) or as 2025-06-15T15:06:40Z. Ages, retention, the
    /// choice of archives and default windows follow it. Wall times are in api.timezone.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(super) at: Option<String>,
    /// Write a JSON object with the process number and all bound addresses to this file once
    /// everything listens. It is replaced in one step and removed at shutdown.
    #[arg(long, value_name = "PATH")]
    pub(super) ready_file: Option<PathBuf>,
}

/// Where the settings come from; the same for every subcommand that needs them.
#[derive(Debug, Args)]
pub(super) struct Settings {
    /// Read settings from this TOML file. Without it all keys have their defaults.
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Set one key over the file, as in receiver.tcp.listen=0.0.0.0:2003. May be repeated; the
    /// last one wins.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(super) sets: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(super) enum ConfigAction {
    /// Read everything that `serve` would read, say what is wrong, and change nothing.
    #[command(after_help = "Examples:\n  \
        plumbago config check\n  \
        plumbago config check --config /etc/plumbago.toml --set log.level=debug")]
    Check(Settings),
    /// Print all settings as TOML: the defaults, the file and each --set together.
    #[command(after_help = "Examples:\n  \
        plumbago config print > /etc/plumbago.toml\n  \
        plumbago config print --config /etc/plumbago.toml --set api.listen=0.0.0.0:80")]
    Print(Settings),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::manual;
    use clap::CommandFactory;

    /// Commands with their words after the program's name.
    fn commands(command: &clap::Command, path: &[String]) -> Vec<(Vec<String>, clap::Command)> {
        let mut found = vec![(path.to_vec(), command.clone())];
        for below in command.get_subcommands() {
            let mut path = path.to_vec();
            path.push(below.get_name().to_owned());
            found.extend(commands(below, &path));
        }
        found
    }

    /// The words of a line of shell, up to the end of its first command of ours. Quotes are taken
    /// away; `|`, `>`, `<`, `;`, `&` and `#` end a command.
    fn words_of_ours(line: &str) -> Option<Vec<String>> {
        let mut all: Vec<Vec<String>> = vec![Vec::new()];
        let (mut word, mut is_word, mut quote) = (String::new(), false, None);
        for character in line.chars().chain([' ']) {
            let ends_command = "|><;&#".contains(character) && (!is_word || character != '#');
            match (quote, character) {
                (Some(open), _) if character == open => quote = None,
                (None, '\'' | '"') => (quote, is_word) = (Some(character), true),
                (None, _) if character == ' ' || ends_command => {
                    if std::mem::take(&mut is_word) {
                        let words = all.last_mut()?;
                        words.push(std::mem::take(&mut word));
                    }
                    if ends_command {
                        all.push(Vec::new());
                    }
                }
                _ => {
                    word.push(character);
                    is_word = true;
                }
            }
        }
        let is_ours = |words: &Vec<String>| words.first().is_some_and(|word| word == "plumbago");
        all.into_iter().find(is_ours)
    }

    #[test]
    fn every_subcommand_has_examples_that_it_takes() {
        for (path, command) in commands(&CommandLine::command(), &[]) {
            let after = command.get_after_long_help().or(command.get_after_help());
            let after = after.map(ToString::to_string).unwrap_or_default();
            let (_, examples) = manual::parts(&after);
            assert!(
                !examples.is_empty(),
                "`plumbago {}` has none",
                path.join(" ")
            );
            let mut of_its_own = 0;
            for example in examples {
                let words = words_of_ours(example);
                let words = words.unwrap_or_else(|| panic!("{example}: no command of ours"));
                if let Err(error) = CommandLine::try_parse_from(&words) {
                    panic!("{example}: {error}");
                }
                let names = [command.get_name()]
                    .into_iter()
                    .chain(command.get_all_aliases());
                let mut names = names.map(str::to_owned);
                let is_own = path.is_empty() || names.any(|name| words.contains(&name));
                of_its_own += usize::from(is_own);
            }
            assert!(
                of_its_own > 0,
                "`plumbago {}`: other commands' examples",
                path.join(" ")
            );
        }
    }

    #[test]
    fn every_subcommand_gets_a_page_with_its_examples() {
        let folder = tempfile::tempdir().unwrap();
        let pages = folder.path().join("share/man1");
        let count = manual::write(CommandLine::command(), &pages).unwrap();
        assert_eq!(count, commands(&CommandLine::command(), &[]).len());
        for (path, _) in commands(&CommandLine::command(), &[]) {
            let name = std::iter::once("plumbago".to_owned()).chain(path);
            let file = pages.join(format!("{}.1", name.collect::<Vec<_>>().join("-")));
            let text = std::fs::read_to_string(&file).unwrap();
            for section in ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXAMPLES"] {
                let head = format!(".SH {section}\n");
                assert_eq!(
                    text.matches(&head).count(),
                    1,
                    "{section} of {}",
                    file.display()
                );
            }
            assert!(text.contains("\nplumbago "), "{}", file.display());
        }
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = manual::write(CommandLine::command(), &file.join("man")).unwrap_err();
        assert!(error.contains("file/man: cannot be written: "), "{error}");
    }

    #[test]
    fn words_are_those_a_shell_would_pass() {
        let words = |line| words_of_ours(line).unwrap().join("|");
        assert_eq!(
            words("  plumbago a 'b c' --d=\"e f\" > g"),
            "plumbago|a|b c|--d=e f"
        );
        assert_eq!(words("zcat x | plumbago a # why"), "plumbago|a");
        assert_eq!(words("plumbago a && man b"), "plumbago|a");
        assert_eq!(words_of_ours("ls -l"), None);
    }

    #[test]
    fn definition_is_sound() {
        CommandLine::command().debug_assert();
    }
}
