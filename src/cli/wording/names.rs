//! The words of the errors about saved names that have come to mean others.

use crate::cli::ExitCode;
use crate::cli::report::Report;
use crate::cli::wording::{ours, peers};
use crate::text::Safe;

/// `has_begun`: something was done before that was seen. `is_taken`: the name means another key. `now`: what the key is
/// called that the name meant, if it has a name.
pub(in crate::cli) fn name_moved(
    name: &Safe,
    has_begun: bool,
    is_taken: bool,
    now: Option<&Safe>,
) -> Report {
    let title = Safe::from("\"") + name + "\" does not mean whom it meant when this command began";
    let changed = Safe::from("Somebody has changed known-peers meanwhile.");
    let changed = if has_begun {
        changed
    } else {
        changed + " Nothing was sent, kept or changed."
    };
    let report = Report::new("SC46", ExitCode::Trust, title).cause(changed);
    let report = match now {
        Some(now) => {
            let words = Safe::from("Whom it meant is called ") + now + " now:";
            report.hint(words, peers("show", now, &[]))
        }
        None => report.cause("The key that it meant has no name any more."),
    };
    if is_taken {
        let words = Safe::from("Before you use that name, look whose key ") + name + " is now:";
        return report.hint(words, peers("show", name, &[]));
    }
    report.hint("Who your peers are now:", ours(["peers", "list"]))
}
