//! Messages that are looked up again.

use crate::calendar::Stamp;
use crate::chat::Received;
use crate::plain::printer::indent;
use crate::text::{Safe, safe_text, safe_whole_text, single_line, unreadable};
use crate::time::UnixTime;

/// A message of the past, as far as it is printed.
#[derive(Clone, Debug)]
pub struct Past<'a> {
    /// When it came or was written, by our clock.
    pub at: Stamp,
    /// With whom.
    pub name: Safe,
    /// Whether we wrote it.
    pub is_ours: bool,
    /// How it stands, for records.
    pub standing: Safe,
    /// What people are to be told of how it stands; nothing if all is well.
    pub remark: Option<Safe>,
    /// What it says.
    pub body: Received<'a>,
}

impl Past<'_> {
    /// For a person: `02:15 bob: yes`, `2026-11-20 02:15 me to bob (waiting): yes`. A long text is folded.
    #[must_use]
    pub fn transcript(&self, now: &Stamp) -> Safe {
        self.told(now, safe_text)
    }

    /// As [`Past::transcript`], for a file: with its day, and whole.
    #[must_use]
    pub fn written(&self) -> Safe {
        // As of a day on which nothing was said.
        self.told(&Stamp::local(UnixTime(0)), safe_whole_text)
    }

    fn told(&self, now: &Stamp, safe: fn(&str) -> Safe) -> Safe {
        let lead = self.at.moment(now) + if self.is_ours { " me to " } else { " " } + &self.name;
        let lead = match &self.remark {
            Some(remark) => lead + " (" + remark + ")",
            None => lead,
        };
        let body = match self.body {
            Received::Text(text) => safe(text),
            Received::Unreadable { len } => unreadable(len),
        };
        indent(&(lead + ": " + body))
    }

    /// For a program: `2026-11-21T02:15:00Z<TAB>bob<TAB>delivered<TAB>yes`, one line a message.
    #[must_use]
    pub fn record(&self) -> Safe {
        let body = match self.body {
            Received::Text(text) => single_line(text),
            Received::Unreadable { len } => unreadable(len),
        };
        // Written with our own tabs, which no part has.
        let fields = [
            self.at.utc(),
            self.name.clone(),
            self.standing.clone(),
            body,
        ];
        Safe::join(fields, "\t")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::MAX_SHOWN_LEN;

    fn past<'a>(body: Received<'a>, remark: Option<&'static str>) -> Past<'a> {
        Past {
            at: Stamp::local(UnixTime(0)),
            name: "bob".into(),
            is_ours: remark.is_some(),
            standing: "waiting".into(),
            remark: remark.map(Safe::from),
            body,
        }
    }

    #[test]
    fn a_person_sees_who_wrote_it_and_what_is_not_well() {
        let now = Stamp::local(UnixTime(0));
        let clock = now.clock();
        let line = |remark| past(Received::Text("yes"), remark).transcript(&now);
        assert_eq!(line(None).as_str(), format!("{clock} bob: yes"));
        let waiting = line(Some("waiting"));
        assert_eq!(
            waiting.as_str(),
            format!("{clock} me to bob (waiting): yes")
        );
        let other_day = Stamp::local(UnixTime(200_000_000));
        let dated = past(Received::Text("yes"), None).transcript(&other_day);
        assert!(dated.as_str().len() > "1970-01-01 00:00".len(), "{dated}");
    }

    #[test]
    fn a_record_has_four_fields_whatever_it_says() {
        let hostile = "one\ntwo\tthree\u{1b}[2J";
        let record = past(Received::Text(hostile), None).record();
        let fields: Vec<&str> = record.as_str().split('\t').collect();
        assert_eq!(fields.len(), 4, "{record}");
        assert_eq!(fields[..3], ["1970-01-01T00:00:00Z", "bob", "waiting"]);
        assert!(!record.as_str().contains(['\n', '\u{1b}']));
        let unreadable = past(Received::Unreadable { len: 37 }, None).record();
        assert!(
            unreadable
                .as_str()
                .ends_with("\t[unreadable message, 37 bytes]")
        );
    }

    #[test]
    fn no_line_of_a_message_poses_as_another_message() {
        let now = Stamp::local(UnixTime(0));
        let lines = past(Received::Text("hello\n02:15 carol: forged"), None).transcript(&now);
        assert_eq!(
            lines.as_str().lines().nth(1),
            Some("      02:15 carol: forged")
        );
    }

    #[test]
    fn a_file_has_all_of_a_line_and_a_terminal_what_fits() {
        let now = Stamp::local(UnixTime(0));
        let long = "x".repeat(2 * MAX_SHOWN_LEN);
        let text = format!("a\u{1b}[2J\n{long}\n02:15 carol: forged");
        let past = past(Received::Text(&text), None);
        let written = past.written();
        let lines: Vec<&str> = written.as_str().lines().collect();
        assert!(lines[0].ends_with("bob: a^[[2J"), "{}", lines[0]);
        assert_eq!(
            lines[1..],
            [&format!("      {long}"), "      02:15 carol: forged"]
        );
        assert!(past.transcript(&now).as_str().len() <= MAX_SHOWN_LEN);
    }
}
