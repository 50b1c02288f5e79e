//! Reading the settings: what the files know of them, and what the full screen does.

use std::path::Path;

use crate::store::{self, Config};
use crate::tui::{BadKey, Keymap};

/// Reads them.
///
/// # Errors
/// Those of [`Config::load`], which has a word for keys that are not understood, too.
pub(super) fn load(path: &Path) -> Result<Config, store::Error> {
    let config = Config::load(path)?;
    match keymap(&config) {
        Ok(_) => Ok(config),
        Err(bad) => Err(config.refuse_binding(path, bad.at, bad.words, bad.advice)),
    }
}

/// Which key does what.
///
/// # Errors
/// [`BadKey`], which [`load`] tells of.
pub(super) fn keymap(config: &Config) -> Result<Keymap, BadKey> {
    let lines = config.bindings.iter();
    Keymap::with(lines.map(|it| (it.key.as_str(), it.action.as_str())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_in_a_key_is_told_with_its_line() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("config.toml");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            load(&path)
        };
        let config = read("[bind]\n\"alt-k\" = \"list\"\nf5 = \"go\"\n").unwrap();
        assert_eq!(config.bindings.len(), 2);
        let error = read("# mine\n[bind]\nf5 = \"go\"\n\"alt-b\" = \"lits\"\n").unwrap_err();
        let store::ErrorKind::Config(error) = error.kind() else {
            panic!("{error:?}");
        };
        assert_eq!(error.to_string(), "line 4: there is no action \"lits\"");
        let advice = error.problem.advice().unwrap();
        assert_eq!(advice.as_str(), "Did you mean list?");
    }
}
