//! Searches as commands that are suggested.

use crate::cli::args::HistoryShowArgs;
use crate::cli::{Suggestion, When};
use crate::text::{Safe, safe_line};

/// What leaves messages out of a search.
#[derive(Debug, Default)]
pub(in crate::cli) struct Limits {
    /// Only those with this peer.
    pub(in crate::cli) with: Option<Safe>,
    /// Only those from then on.
    pub(in crate::cli) since: Option<When>,
    /// Only older ones.
    pub(in crate::cli) before: Option<When>,
    /// Only so many.
    pub(in crate::cli) last: Option<usize>,
}

impl Limits {
    /// Those that were given, and with this peer.
    pub(super) fn with(peer: Safe, args: &HistoryShowArgs) -> Self {
        Self {
            with: Some(peer),
            since: args.filter.since,
            before: args.filter.before,
            last: args.last,
        }
    }

    fn flags(self) -> impl Iterator<Item = Safe> {
        let time = |when: When| safe_line(&when.to_string());
        let flags = [
            ("--in", self.with),
            ("--since", self.since.map(time)),
            ("--before", self.before.map(time)),
            ("--last", self.last.map(Safe::from)),
        ];
        let given = flags.into_iter().filter_map(|(flag, it)| Some((flag, it?)));
        given.flat_map(|(flag, value)| [flag.into(), value])
    }
}

/// The command that looks for these words, which may begin as a flag does; without any it shows everything.
pub(in crate::cli) fn search_command(words: &str, limits: Limits) -> Suggestion {
    let what = if words.is_empty() { "show" } else { "search" };
    let end = words.starts_with('-').then_some("--");
    let words = (!words.is_empty()).then(|| safe_line(words));
    let words = end.map(Safe::from).into_iter().chain(words);
    let command = ["history", what].map(Safe::from).into_iter();
    Suggestion::securechat(command.chain(limits.flags()).chain(words))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::args::{Cli, Command, HistoryCommand};

    #[test]
    fn a_search_is_understood_whatever_its_words_begin_with() {
        for words in ["one", "what was it", "-v", "--in", "--", "-"] {
            let limits = Limits {
                with: Some("bob".into()),
                since: When::parse("36h").ok(),
                before: When::parse("2026-11-01").ok(),
                last: Some(3),
            };
            let command = search_command(words, limits);
            let cli = Cli::try_parse_from(command.words_for_testing_only()).unwrap();
            let Some(Command::History(HistoryCommand::Search(args))) = cli.command else {
                panic!("{words}");
            };
            assert_eq!(args.words, words);
            let filter = args.show.filter;
            assert_eq!(filter.peer.as_deref(), Some("bob"));
            assert_eq!(filter.since, When::parse("36h").ok());
            assert_eq!(filter.before, When::parse("2026-11-01").ok());
            assert_eq!(args.show.last, Some(3));
        }
    }
}
