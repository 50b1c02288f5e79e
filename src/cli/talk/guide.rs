//! What a screen shows while nobody is known.

use crate::text::Safe;
use crate::tui::Keymap;

/// Cells of the first column of the guide, and two blanks.
const GUIDE_COLUMN: usize = 23;

/// What a screen shows while nobody is known.
pub(super) fn guide(keys: &Keymap) -> Vec<Safe> {
    let row = |command: &'static str, action, does: &'static str| {
        let key = keys.key_of(action).map(|key| Safe::from(", ") + key);
        let left = Safe::from(command) + key.unwrap_or_default();
        let len = left.as_str().chars().count();
        let blanks = GUIDE_COLUMN.saturating_sub(len).max(2);
        left + Safe::concat((0..blanks).map(|_| Safe::from(" "))) + does
    };
    vec![
        "Nobody is known yet.".into(),
        Safe::default(),
        row("/myid", "", "your own key, to give to others"),
        row(
            "/add NAME KEY",
            "",
            "save somebody's key under a name of your choice",
        ),
        row("/help", "help", "all commands; /keys the keys"),
        row("/quit", "end-of-input", "leave"),
        Safe::default(),
        "Somebody who has your key can call this machine now; you will be asked.".into(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guide_names_the_keys_that_do_it() {
        let guide = |keys: &Keymap| Safe::join(guide(keys), "\n").to_string();
        let usual = guide(&Keymap::default());
        assert!(
            usual.contains("\n/myid                  your own key,"),
            "{usual}"
        );
        assert!(
            usual.contains("\n/help, F1              all commands;"),
            "{usual}"
        );
        assert!(
            usual.contains("\n/quit, Ctrl+D          leave\n"),
            "{usual}"
        );
        let bound = [("f5", "help"), ("f1", "none"), ("ctrl-d", "none")];
        let bound = guide(&Keymap::with(bound).unwrap());
        assert!(
            bound.contains("\n/help, F5              all commands;"),
            "{bound}"
        );
        assert!(
            bound.contains("\n/quit                  leave\n"),
            "{bound}"
        );
    }
}
