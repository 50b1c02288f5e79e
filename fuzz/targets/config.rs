//! The file of settings, which people write by hand.

use securechat::store::{Config, ConfigProblem, parse_config};
use securechat::text::safe_name;
use securechat::tui::Keymap;

/// Settings: what is refused is refused in a line that there is, and what is repeated of it is safe.
pub fn config(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    match parse_config(text) {
        Ok(config) => accepted(text, &config),
        Err(error) => {
            let lines = 1 + text.bytes().filter(|byte| *byte == b'\n').count();
            assert!((1..=lines).contains(&error.line), "line {}", error.line);
            refused(&error.problem);
        }
    }
}

fn accepted(text: &str, config: &Config) {
    if text.len() < 1 << 15 {
        let remarked = format!("{text}\n# a remark\n");
        assert_eq!(parse_config(&remarked).as_ref(), Ok(config));
    }
    if let Some(nickname) = &config.nickname {
        assert_eq!(safe_name(nickname.as_str()).as_ref(), Ok(nickname));
    }
    if let Some(keepalive) = config.keepalive.for_everybody() {
        assert!((5..=3600).contains(&keepalive.as_secs()));
    }
    bound(config);
}

/// A key and an action that somebody has written: what is refused of them is shown.
fn bound(config: &Config) {
    let lines = config.bindings.iter();
    if let Err(bad) = Keymap::with(lines.map(|it| (it.key.as_str(), it.action.as_str()))) {
        assert!(bad.at < config.bindings.len());
        for shown in [&bad.words, &bad.advice] {
            super::text::assert_shows_safely(shown.as_str(), false);
        }
    }
}

fn refused(problem: &ConfigProblem) {
    let (name, similar) = match problem {
        ConfigProblem::Syntax { said } => (Some(said), None),
        ConfigProblem::Outside { name, .. } => (Some(name), None),
        ConfigProblem::UnknownSection { name, similar }
        | ConfigProblem::UnknownKey { name, similar, .. } => (Some(name), similar.as_ref()),
        ConfigProblem::Binding { words, advice } => (Some(words), Some(advice)),
        ConfigProblem::TooLong
        | ConfigProblem::NotText
        | ConfigProblem::NotASection { .. }
        | ConfigProblem::WrongValue { .. } => (None, None),
    };
    for shown in name.into_iter().chain(similar) {
        super::text::assert_shows_safely(shown.as_str(), false);
    }
}
