//! The words of messages that have no receipt: what is known of them, and what becomes of them.

use crate::cli::ExitCode;
use crate::cli::error::{End, Loss, Obstacle, Peer};
use crate::cli::report::{Report, Suggestion};
use crate::cli::wording::{barred, closed, seconds, silence, unopened};
use crate::text::{Safe, count_messages};

const GIVEN_UP: &str = "The message is given up; it will not be sent again.";
const UNRECEIPTED: &str = "It was sent, but no receipt came back: it may have arrived.";

pub(in crate::cli) fn not_delivered(loss: &Loss) -> Report {
    let to = Safe::join(loss.to.iter().cloned(), ", ");
    let title = Safe::from("not delivered to ") + to;
    let title = match &loss.end {
        End::After(time) => title + " within " + seconds(*time),
        End::Left => title + ": the conversation was over",
        End::Crowded => title + " yet: too many wait at a time, this one for longest",
        End::Failed(reason) => title + ": " + reason,
    };
    let report = Report::new("SC14", ExitCode::NotDelivered, title).keeping(loss.kept);
    let report = match &loss.end {
        End::After(_) | End::Left | End::Crowded => report.cause(arrival(loss)),
        End::Failed(_) => report,
    };
    let report = report.cause(remainder(loss));
    match &loss.obstacle {
        None => report,
        Some(Obstacle::Undecided) => {
            report.cause("The other side answers, and nobody there has accepted your key yet.")
        }
        Some(Obstacle::Differed(peers)) => {
            let names = Safe::join(peers.iter().cloned(), ", ");
            let words =
                Safe::from("Nothing is sent to ") + names + " until you decide: the words that";
            report.cause(words + " you compared differed.")
        }
        Some(Obstacle::Closed { peer, address }) => closed(
            report.cause(Safe::from("Nothing seems to listen at ") + *address + ":"),
            peer,
        ),
        Some(Obstacle::NoWay { address, barrier }) => barred(
            report.cause(Safe::from("Nothing gets to ") + *address + ":"),
            *address,
            *barrier,
        ),
        Some(Obstacle::OtherPsk { peer, address }) => unopened(
            report.cause(Safe::from("No answer that opens came from ") + *address + ":"),
            peer,
        ),
        Some(Obstacle::Silence { peer, address }) => silence(
            report.cause(Safe::from("No answer came from ") + *address + ":"),
            peer,
        ),
    }
}

pub(in crate::cli) fn unanswered(peer: &Peer) -> Report {
    let title = Safe::from("not known to be delivered to ") + &peer.label;
    let title = title + ": the securechat that was to send it did not answer";
    let status = Suggestion::securechat(["status".into(), peer.label.clone()]);
    let show = [
        "history".into(),
        "show".into(),
        "--in".into(),
        peer.label.clone(),
    ];
    Report::new("SC14", ExitCode::NotDelivered, title)
        .cause("The message may be kept, and is then sent next time: look before you send it a second time.")
        .hint("What still waits:", status)
        .hint("What is kept, also of what was delivered:", Suggestion::securechat(show))
}

/// Adds to an error that the message it is about is given up. `perhaps`: it may have arrived.
pub(in crate::cli) fn given_up(report: Report, perhaps: bool) -> Report {
    let report = report.keeping(0);
    let report = if perhaps {
        report.cause(UNRECEIPTED)
    } else {
        report
    };
    report.cause(GIVEN_UP)
}

/// What becomes of messages that have no receipt.
fn remainder(loss: &Loss) -> Safe {
    let kept = match &loss.obstacle {
        Some(Obstacle::Differed(all)) if *all == loss.to => kept_aside(loss.kept, all),
        Some(_) | None => kept(loss.kept, &loss.to),
    };
    match (loss.messages, loss.kept) {
        (1, 0) => GIVEN_UP.into(),
        (_, 0) => "The messages are given up; they will not be sent again.".into(),
        (messages, all) if messages == all => kept + ".",
        (messages, some) => {
            let others = messages - some;
            let verb = if others == 1 {
                " more was"
            } else {
                " more were"
            };
            kept + "; " + others + verb + " not taken."
        }
    }
}

/// `1 message is kept and will be sent next time bob is reachable`.
pub(in crate::cli) fn kept(messages: usize, to: &[Safe]) -> Safe {
    let words = if messages == 1 {
        " message is kept and will be sent next time "
    } else {
        " messages are kept and will be sent next time "
    };
    let words = Safe::from(messages) + words;
    match to {
        [one] => words + one + " is reachable",
        several => words + Safe::join(several.iter().cloned(), ", ") + " are reachable",
    }
}

/// `1 message for bob is kept until you decide`, whose words differed.
pub(in crate::cli) fn kept_aside(messages: usize, to: &[Safe]) -> Safe {
    let words = count_messages(messages) + " for " + Safe::join(to.iter().cloned(), ", ");
    let verb = if messages == 1 { " is" } else { " are" };
    words + verb + " kept until you decide"
}

/// What is true about messages that have no receipt.
fn arrival(loss: &Loss) -> Safe {
    let Loss {
        messages, perhaps, ..
    } = *loss;
    match (messages, perhaps) {
        (1, 0) => "It never left this machine.".into(),
        (1, _) => UNRECEIPTED.into(),
        (_, 0) => Safe::from("None of the ") + messages + " messages left this machine.",
        (_, _) if messages == perhaps => {
            Safe::from(messages) + " messages have no receipt; they may have arrived."
        }
        (_, _) => {
            let words = Safe::from(messages) + " messages have no receipt; ";
            words + perhaps + " of them may have arrived."
        }
    }
}
