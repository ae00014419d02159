//! `plumbago man`: a manual page of the program and of each subcommand, from what `--help` says.
//!
//! Name, synopsis, options and version are clap's. What stands behind the options in `--help` becomes
//! two sections here: the prose is *NOTES*, and what follows `Examples:` is *EXAMPLES*, line by line.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use clap::Command;
use clap_mangen::Man;

/// Writes a page a command, `plumbago.1`, `plumbago-serve.1` and so on, into a folder that is made
/// when there is none, and answers how many.
///
/// # Errors
/// When a page cannot be written, in one line.
pub(super) fn write(command: Command, folder: &Path) -> Result<usize, String> {
    let failed = |path: &Path| {
        let path = path.display().to_string();
        move |error: io::Error| format!("{path}: cannot be written: {error}")
    };
    fs::create_dir_all(folder).map_err(failed(folder))?;
    let mut command = without_help(command);
    command.build();
    let pages = pages_of(&command);
    for page in &pages {
        let path = folder.join(format!("{}.1", name_of(page)));
        let text = page_text(page).map_err(failed(&path))?;
        fs::write(&path, text).map_err(failed(&path))?;
    }
    Ok(pages.len())
}

/// Without the subcommand `help`, which prints what the pages hold.
fn without_help(command: Command) -> Command {
    let command = command.mut_subcommands(without_help);
    command.disable_help_subcommand(true)
}

/// A command and all below it.
fn pages_of(command: &Command) -> Vec<&Command> {
    let below = command.get_subcommands().flat_map(pages_of);
    std::iter::once(command).chain(below).collect()
}

fn name_of(command: &Command) -> &str {
    command.get_display_name().unwrap_or(command.get_name())
}

fn page_text(command: &Command) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    let man = Man::new(command.clone());
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.get_subcommands().next().is_some() {
        man.render_subcommands_section(&mut page)?;
    }
    let after = command.get_after_long_help().or(command.get_after_help());
    let after = after.map(ToString::to_string).unwrap_or_default();
    page.extend(after_options(&after).into_bytes());
    man.render_version_section(&mut page)?;
    Ok(page)
}

/// What follows the options, in roff.
fn after_options(text: &str) -> String {
    let (prose, examples) = parts(text);
    let mut page = String::new();
    if !prose.is_empty() {
        page.push_str(".SH NOTES\n");
        for line in prose {
            match line.trim() {
                "" => page.push_str(".PP\n"),
                line => page.push_str(&format!("{}\n", escaped(line))),
            }
        }
    }
    if !examples.is_empty() {
        page.push_str(".SH EXAMPLES\n.nf\n");
        for line in examples {
            // Writing to a string cannot fail.
            let _ = writeln!(page, "{}", escaped(line.trim_start()));
        }
        page.push_str(".fi\n");
    }
    page
}

/// The prose and the examples, which are the indented lines behind `Examples:`.
pub(super) fn parts(text: &str) -> (Vec<&str>, Vec<&str>) {
    let (mut prose, mut examples) = (Vec::new(), Vec::new());
    let mut is_example = false;
    for line in text.lines() {
        if line.trim() == "Examples:" {
            is_example = true;
        } else if is_example && line.starts_with(' ') {
            examples.push(line);
        } else {
            is_example = is_example && line.trim().is_empty();
            prose.push(line);
        }
    }
    let is_blank = |line: &&str| line.trim().is_empty();
    while prose.last().is_some_and(is_blank) {
        prose.pop();
    }
    let blanks = prose.iter().take_while(|line| is_blank(line)).count();
    prose.drain(..blanks);
    (prose, examples)
}

/// A line of text that roff takes for nothing else.
fn escaped(line: &str) -> String {
    let line = line.replace('\\', "\\e").replace('-', "\\-");
    match line.starts_with(['.', '\'']) {
        true => format!("\\&{line}"),
        false => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_and_examples_are_told_apart() {
        let (prose, examples) = parts("Before.\n\nExamples:\n  one\n  two\n\nBehind.\nMore.");
        assert_eq!(prose, ["Before.", "", "", "Behind.", "More."]);
        assert_eq!(examples, ["  one", "  two"]);
        assert_eq!(parts("Examples:\n  one"), (vec![], vec!["  one"]));
        assert_eq!(parts("").0.len(), 0);
    }

    #[test]
    fn no_text_becomes_a_request_of_roff() {
        assert_eq!(escaped(".TH"), "\\&.TH");
        assert_eq!(escaped("'x' --y \\n"), "\\&'x' \\-\\-y \\en");
    }
}
