//! What `ping` counts, and its words for it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use serde::Serialize;

use crate::cli::ExitCode;
use crate::cli::json::{self, Versioned, ms};
use crate::text::{Safe, safe_line};
use crate::time::Instant;

/// Pings without an answer that are remembered: one that comes later still is not counted.
const MOST_OPEN: usize = 1_024;

/// Pings and answers so far.
#[derive(Debug)]
pub(super) struct Tally {
    wait: Duration,
    json: bool,
    label: Safe,
    address: Option<SocketAddr>,
    sent: u64,
    answered: u64,
    /// Those without an answer, and when that is told; none of those for which it was told, which are the first.
    open: BTreeMap<u64, Option<Instant>>,
    shortest: Duration,
    longest: Duration,
    sum: Duration,
}

/// A ping, as programs are told of it.
#[derive(Serialize)]
struct Pinged<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    peer: &'a Safe,
    address: Option<SocketAddr>,
    seq: u64,
    answered: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    rtt_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    late: Option<bool>,
}

/// All of them.
#[derive(Serialize)]
struct Summary<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    peer: &'a Safe,
    sent: u64,
    answered: u64,
    lost: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    avg_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_ms: Option<f64>,
}

impl Tally {
    /// `wait`: what has no answer after it is lost. `label`: whom it goes to.
    pub(super) const fn new(wait: Duration, json: bool, label: Safe) -> Self {
        Self {
            wait,
            json,
            label,
            address: None,
            sent: 0,
            answered: 0,
            open: BTreeMap::new(),
            shortest: Duration::MAX,
            longest: Duration::ZERO,
            sum: Duration::ZERO,
        }
    }

    pub(super) const fn sent(&self) -> u64 {
        self.sent
    }

    /// Did anything come back?
    pub(super) const fn verdict(&self) -> ExitCode {
        if self.answered > 0 {
            ExitCode::Done
        } else {
            ExitCode::Network
        }
    }

    /// Where the peer is.
    pub(super) const fn at(&mut self, address: SocketAddr) {
        self.address = Some(address);
    }

    /// One leaves now. Returns its number, from 1 on.
    pub(super) fn send(&mut self, now: Instant) -> u64 {
        self.sent += 1;
        if self.open.len() >= MOST_OPEN
            && let Some(first) = self.open.first_entry()
            && first.get().is_none()
        {
            first.remove();
        }
        self.open.insert(self.sent, Some(now + self.wait));
        self.sent
    }

    /// The mean of the round trips, if there was any.
    pub(super) fn average(&self) -> Option<Duration> {
        average(self.sum, self.answered)
    }

    /// When the first of those that wait is overdue.
    pub(super) fn awaits(&self) -> Option<Instant> {
        self.open.values().find_map(|due| *due)
    }

    /// One came back; what is to be said of it.
    pub(super) fn answer(&mut self, number: u64, took: Duration) -> Option<Safe> {
        let is_late = self.open.remove(&number)?.is_none();
        self.answered += 1;
        self.shortest = self.shortest.min(took);
        self.longest = self.longest.max(took);
        self.sum = self.sum.saturating_add(took);
        Some(self.line(number, Some((took, is_late))))
    }

    /// Tells of those whose time is over, each once.
    pub(super) fn overdue(&mut self, now: Instant) -> Vec<Safe> {
        let mut found = Vec::new();
        for (number, due) in &mut self.open {
            if due.take_if(|due| *due <= now).is_some() {
                found.push(*number);
            }
        }
        found
            .iter()
            .map(|number| self.line(*number, None))
            .collect()
    }

    fn line(&self, number: u64, answer: Option<(Duration, bool)>) -> Safe {
        if self.json {
            return json::line(&Versioned::new(self.record(number, answer)));
        }
        let place = match self.address {
            Some(address) => self.label.clone() + " at " + address,
            None => self.label.clone(),
        };
        let words = match answer {
            Some((took, false)) => format!("time={}", millis(took)),
            Some((took, true)) => format!("time={} (late)", millis(took)),
            None => format!("no answer after {} s", self.wait.as_secs_f64()),
        };
        place + safe_line(&format!(": seq={number} {words}"))
    }

    fn record(&self, number: u64, answer: Option<(Duration, bool)>) -> Pinged<'_> {
        Pinged {
            kind: "ping",
            peer: &self.label,
            address: self.address,
            seq: number,
            answered: answer.is_some(),
            rtt_ms: answer.map(|(took, _)| ms(took)),
            late: answer.map(|(_, is_late)| is_late),
        }
    }

    /// The end of it.
    pub(super) fn sum_up(&self) -> Vec<Safe> {
        let lost = self.sent.saturating_sub(self.answered);
        let average = self.average();
        if self.json {
            let summary = Summary {
                kind: "ping_summary",
                peer: &self.label,
                sent: self.sent,
                answered: self.answered,
                lost,
                min_ms: average.map(|_| ms(self.shortest)),
                avg_ms: average.map(ms),
                max_ms: average.map(|_| ms(self.longest)),
            };
            return vec![json::line(&Versioned::new(summary))];
        }
        let percent = (lost * 100).div_ceil(self.sent.max(1));
        let first = format!(
            "{} sent, {} answered, {percent} % lost",
            self.sent, self.answered
        );
        let title = Safe::from("--- ") + &self.label + " ---";
        let mut lines = vec![title, safe_line(&first)];
        if let Some(average) = average {
            let [min, avg, max] = [self.shortest, average, self.longest].map(millis);
            let times = format!("round trip min/avg/max: {min} / {avg} / {max}");
            lines.push(safe_line(&times));
        }
        lines
    }
}

fn average(sum: Duration, count: u64) -> Option<Duration> {
    let us = micros(sum).checked_div(count)?;
    Some(Duration::from_micros(us))
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn millis(time: Duration) -> String {
    format!("{:.3} ms", time.as_secs_f64() * 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::from_micros(ms * 1_000)
    }

    const fn time(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn texts(lines: &[Safe]) -> Vec<&str> {
        lines.iter().map(Safe::as_str).collect()
    }

    #[test]
    fn what_was_lost_long_ago_is_forgotten() {
        let mut tally = Tally::new(time(2_000), false, "bob".into());
        for second in 0..5_000 {
            tally.send(at(second * 1_000));
            assert_eq!(
                tally.overdue(at(second * 1_000)).len(),
                usize::from(second >= 2)
            );
        }
        assert_eq!(tally.open.len(), MOST_OPEN);
        assert!(tally.answer(1, time(1)).is_none());
        assert!(tally.answer(4_900, time(1)).is_some());
    }

    #[test]
    fn what_is_still_waited_for_is_not_forgotten() {
        let mut tally = Tally::new(time(5_000_000), false, "bob".into());
        for second in 0..5_000 {
            tally.send(at(second * 1_000));
        }
        assert_eq!(tally.awaits(), Some(at(5_000_000)));
        assert!(tally.answer(1, time(1)).is_some());
    }

    /// Four pings: the first is answered, the second late, the third twice, the fourth never.
    fn course(json: bool) -> (Tally, Vec<Safe>) {
        let mut tally = Tally::new(time(2_000), json, "bob".into());
        tally.at("192.0.2.7:7419".parse().unwrap());
        let mut lines = Vec::new();
        assert_eq!(tally.send(at(0)), 1);
        lines.extend(tally.answer(1, time(40)));
        tally.send(at(1_000));
        tally.send(at(2_000));
        lines.extend(tally.answer(3, time(50)));
        lines.extend(tally.answer(3, time(60)));
        tally.send(at(3_000));
        assert_eq!(tally.awaits(), Some(at(3_000)));
        lines.extend(tally.overdue(at(2_999)));
        lines.extend(tally.overdue(at(3_000)));
        lines.extend(tally.overdue(at(3_001)));
        lines.extend(tally.answer(2, time(2_100)));
        lines.extend(tally.answer(9, time(1)));
        lines.extend(tally.overdue(at(9_000)));
        assert_eq!(tally.awaits(), None);
        (tally, lines)
    }

    #[test]
    fn each_ping_has_a_line_and_the_end_counts_them() {
        let (tally, lines) = course(false);
        assert_eq!(
            texts(&lines),
            [
                "bob at 192.0.2.7:7419: seq=1 time=40.000 ms",
                "bob at 192.0.2.7:7419: seq=3 time=50.000 ms",
                "bob at 192.0.2.7:7419: seq=2 no answer after 2 s",
                "bob at 192.0.2.7:7419: seq=2 time=2100.000 ms (late)",
                "bob at 192.0.2.7:7419: seq=4 no answer after 2 s",
            ]
        );
        assert_eq!(
            texts(&tally.sum_up()),
            [
                "--- bob ---",
                "4 sent, 3 answered, 25 % lost",
                "round trip min/avg/max: 40.000 ms / 730.000 ms / 2100.000 ms",
            ]
        );
    }

    #[test]
    fn as_json_it_says_the_same() {
        let (tally, lines) = course(true);
        assert_eq!(
            lines.first().unwrap().as_str(),
            r#"{"v":1,"type":"ping","peer":"bob","address":"192.0.2.7:7419","seq":1,"answered":true,"rtt_ms":40.0,"late":false}"#
        );
        assert_eq!(
            lines.last().unwrap().as_str(),
            r#"{"v":1,"type":"ping","peer":"bob","address":"192.0.2.7:7419","seq":4,"answered":false}"#
        );
        assert_eq!(
            texts(&tally.sum_up()),
            [
                r#"{"v":1,"type":"ping_summary","peer":"bob","sent":4,"answered":3,"lost":1,"min_ms":40.0,"avg_ms":730.0,"max_ms":2100.0}"#
            ]
        );
    }

    #[test]
    fn where_nothing_comes_back_there_are_no_times() {
        let mut tally = Tally::new(time(500), false, "bob".into());
        tally.send(at(0));
        assert_eq!(
            texts(&tally.overdue(at(500))),
            ["bob: seq=1 no answer after 0.5 s"]
        );
        assert_eq!(
            texts(&tally.sum_up()),
            ["--- bob ---", "1 sent, 0 answered, 100 % lost"]
        );
    }
}
