//! Manual pages: one for each command, made of what `--help` says. That of the program itself also has what others have in
//! sections of these names: exit codes and files, as the topics of `help` tell of them.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use clap::{Command, CommandFactory};
use clap_mangen::Man;

use crate::cli::args::Cli;
use crate::cli::topics;

/// What stands at the foot of each page.
const SOURCE: &str = concat!("securechat ", env!("CARGO_PKG_VERSION"));

/// A date would be that of the build, and each build another one. An empty one leaves the others a place too far left.
const DATE: &str = " ";

/// What stands at the head of each page.
const MANUAL: &str = "User Commands";

/// The page of the program itself.
pub(super) fn page() -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    render(command(), &mut page)?;
    for (section, topic) in [("EXIT STATUS", "exit-codes"), ("FILES", "files")] {
        // From the margin: its lines are made for 80 columns.
        write!(page, ".SH {section}\n.nf\n.in 0\n{}.fi\n", verbatim(topic))?;
    }
    page.write_all(SEE_ALSO.as_bytes())?;
    Ok(page)
}

const SEE_ALSO: &str = "\
.SH SEE ALSO
\\fBsecurechat help\\fR TOPIC, and a page for each command, such as \\fBsecurechat\\-connect\\fR(1)
";

/// A page for each command into `dir`, which is made.
pub(super) fn pages(dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    let program = command();
    fs::write(dir.join("securechat.1"), page()?)?;
    program.get_subcommands().try_for_each(|it| below(it, dir))
}

fn below(command: &Command, dir: &Path) -> io::Result<()> {
    let path = dir.join(Man::new(command.clone()).get_filename());
    render(command.clone(), &mut File::create(path)?)?;
    command.get_subcommands().try_for_each(|it| below(it, dir))
}

/// Every command knows its whole name. Of the lines of `--version` a page would make one.
fn command() -> Command {
    let mut command = Cli::command().long_version(env!("CARGO_PKG_VERSION"));
    command.build();
    command
}

fn render(command: Command, page: &mut dyn Write) -> io::Result<()> {
    let man = Man::new(command).date(DATE).source(SOURCE);
    man.manual(MANUAL).render(page)
}

/// A topic of `help` without its title, such that no line of it is taken for a request, and no sign for another one.
fn verbatim(topic: &str) -> String {
    let text = topics::text(topic).unwrap_or_default();
    let lines = text.lines().skip_while(|line| !line.is_empty());
    lines
        .skip(1)
        .map(|line| format!("\\&{}\n", escaped(line)))
        .collect()
}

fn escaped(line: &str) -> String {
    line.replace('\\', "\\e")
        .replace('-', "\\-")
        .replace('~', "\\(ti")
}
