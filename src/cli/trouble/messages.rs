//! The words of the errors about the file of messages.

use std::path::Path;

use crate::cli::ExitCode;
use crate::cli::report::{Report, Suggestion};
use crate::cli::wording::ours;
use crate::store::StoreTrouble;
use crate::text::{Safe, safe_line};

/// Whether a file is the one that messages are kept in.
pub(super) fn is_messages(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "redb")
}

/// Whether a file is the one that handshake timestamps are reserved in.
pub(super) fn is_timestamps(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "timestamps")
}

/// Messages cannot be written down, at the start or in the midst of a conversation.
pub(super) fn unwritable(path: &Path, why: impl Into<Safe>) -> Report {
    let title = Safe::from("cannot write ") + path + ": " + why;
    Report::new("SC18", ExitCode::Storage, title)
        .cause(
            "No conversation goes on without it: messages could get lost. None is lost now: what",
        )
        .cause("was accepted is kept, and what came and is not written down stays with its sender.")
        .cause("Mend that, and start again.")
}

pub(super) fn store_trouble(path: &Path, trouble: StoreTrouble) -> Report {
    let said = safe_line(&trouble.to_string());
    let title = Safe::from("cannot use ") + path + ": " + &said;
    let report = Report::new("SC19", ExitCode::Storage, title);
    match trouble {
        StoreTrouble::Damaged(_) => begin_anew(path, report
            .cause("No session is opened without it: messages could get lost, or appear twice.")
            .attempt([ours(["history", "export", "-o", "FILE"])])),
        StoreTrouble::Unreadable => begin_anew(path, report
            .cause("It is no store of messages, or its beginning is damaged. If there is a copy of it, put")
            .cause("that in its place: it must have the same name, and be yours alone.")),
        StoreTrouble::OtherIdentity => begin_anew(path, report
            .cause("It was made with another identity, or it is damaged.")),
        StoreTrouble::Newer => report.cause("Use that version, or a newer one."),
        StoreTrouble::ReadOnly | StoreTrouble::Stopped => unwritable(path, said),
        StoreTrouble::Missing | StoreTrouble::Replaced => moved(path, &said),
    }
}

/// How to go on without the messages that are there.
pub(super) fn begin_anew(path: &Path, report: Report) -> Report {
    let aside = path.with_extension("redb.damaged");
    report.hint(
        "To begin anew (what waits in it is not sent, and what it knows is forgotten):",
        Suggestion::of("mv", [Safe::from(path), Safe::from(aside.as_path())]),
    )
}

/// What was kept is in a file that no start finds.
fn moved(path: &Path, why: &Safe) -> Report {
    let title = Safe::from("cannot write ") + path + ": " + why;
    Report::new("SC18", ExitCode::Storage, title)
        .cause("Nothing has been written since, and nothing that came since has a receipt: it stays with its")
        .cause("sender. What waits to be sent and what nobody has read is in the former file. Put that back,")
        .cause("if it still has a name, before you start. Without it those messages are lost.")
        .cause("Before you move or restore this file, end the program that has the identity open.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_was_moved_says_where_the_messages_are() {
        let path = Path::new("/h/07.history.redb");
        for (trouble, why) in [
            (StoreTrouble::Missing, "it was moved or deleted"),
            (StoreTrouble::Replaced, "another file took its place"),
        ] {
            let lines = store_trouble(path, trouble).render(&[]);
            let lines: Vec<&str> = lines.iter().map(Safe::as_str).collect();
            let title = format!(
                "error: cannot write /h/07.history.redb: {why} while this program had it open  [SC18]"
            );
            assert_eq!(lines[0], title);
            let shown = lines.join("\n");
            let former = "What waits to be sent and what nobody has read is in the former file.";
            assert!(shown.contains(former), "{shown}");
        }
    }
}
