//! `--bundle`: a report that may be shown to strangers. It is made of words and numbers of ours alone; what
//! names a file, an address, a key or a person does not get as far as here.

use std::fmt::Write;
use std::path::Path;

use crate::cli::doctor::Patient;
use crate::cli::doctor::check::Check;
use crate::cli::{Error, version};
use crate::store::{self, Config, ErrorKind, create_private};

/// Writes the report for its owner alone.
///
/// # Errors
/// SC21 if the file exists; SC18, SC24.
pub(super) fn write(path: &Path, patient: &Patient<'_>, checks: &[Check]) -> Result<(), Error> {
    let text = text(patient, checks);
    create_private(path, text.as_bytes()).map_err(|error: store::Error| {
        if matches!(error.kind(), ErrorKind::AlreadyExists) {
            return Error::OutputExists {
                path: path.to_owned(),
            };
        }
        error.into()
    })
}

fn text(patient: &Patient<'_>, checks: &[Check]) -> String {
    let mut text = format!(
        "securechat {}\nsystem    {} {}\n\n",
        version::long(),
        std::env::consts::OS,
        std::env::consts::ARCH
    );
    for check in checks {
        let (word, public) = (check.outcome.word(), check.public.as_deref().unwrap_or("-"));
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{word:<8} {:<17} {public}", check.what);
    }
    text.push_str("\nsettings\n");
    if !patient.is_settled {
        text.push_str("  config.toml is not understood\n");
        return text;
    }
    for (name, value) in settings(&patient.config) {
        let _ = writeln!(text, "  {name:<20} {value}");
    }
    text
}

/// What is settled: the value where it is one of a few words or a time, else whether there is one.
fn settings(config: &Config) -> Vec<(&'static str, String)> {
    let whether = |is_set: bool| if is_set { "set" } else { "not set" }.to_owned();
    vec![
        ("nickname", whether(config.nickname.is_some())),
        ("keep", format!("{:?}", config.keep)),
        (
            "passphrase_command",
            whether(config.passphrase_command.is_some()),
        ),
        ("keepalive", format!("{:?}", config.keepalive)),
        ("listen", whether(config.listen.is_some())),
        ("trust", format!("{:?}", config.callers)),
        ("save_addresses", format!("{:?}", config.save_addresses)),
        ("mode", format!("{:?}", config.mode)),
        ("desktop", format!("{:?}", config.notify)),
        ("bell", settled(config.bell)),
        ("terminal", format!("{:?}", config.osc)),
        ("command", whether(config.notify_command.is_some())),
        ("theme", format!("colours: {:?}", config.has_colours)),
        ("ascii", settled(config.ascii)),
        ("mouse", format!("{:?}", config.mouse)),
        ("bind", format!("{} keys", config.bindings.len())),
    ]
}

/// What is said of a setting, whose rule is another where it is not.
fn settled(value: Option<bool>) -> String {
    value.map_or_else(|| "not set".to_owned(), |value| value.to_string())
}
