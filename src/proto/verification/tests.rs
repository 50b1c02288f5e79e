use core::time::Duration;

use super::*;

const A: PeerId = PeerId::new([1; 32]);
const B: PeerId = PeerId::new([2; 32]);

/// One side, with its own generator.
struct Side {
    own: PeerId,
    other: PeerId,
    rng: CoreRng,
    verification: Verification,
    told: Vec<Progress>,
}

impl Side {
    fn new(own: PeerId, other: PeerId) -> Self {
        let mut seed = [0; 32];
        seed[..4].copy_from_slice(&own.as_bytes()[..4]);
        Self {
            own,
            other,
            rng: CoreRng::new(seed),
            verification: Verification::default(),
            told: Vec::new(),
        }
    }

    fn ask(&mut self, now: Instant) -> Verify {
        self.verification
            .ask(self.own, self.other, &mut self.rng, now)
    }

    fn hear(&mut self, said: &Verify, now: Instant) -> Option<Verify> {
        let keys = (self.own, self.other);
        let reaction = self
            .verification
            .handle(said, keys, &mut self.rng, now)
            .unwrap();
        self.told.extend(reaction.progress);
        reaction.reply
    }

    fn code(&self) -> ShortCode {
        let code = self.told.iter().rev().find_map(|progress| match progress {
            Progress::Ready(code) => Some(*code),
            Progress::Asked | Progress::Theirs { .. } | Progress::Over(_) => None,
        });
        code.unwrap()
    }
}

fn sides() -> (Side, Side) {
    (Side::new(A, B), Side::new(B, A))
}

fn at(s: u64) -> Instant {
    Instant::ZERO + Duration::from_secs(s)
}

/// Lets the two talk until neither has anything to say.
fn talk(first: Verify, from: &mut Side, to: &mut Side, now: Instant) {
    let mut said = to.hear(&first, now);
    let mut is_answer = true;
    while let Some(verify) = said {
        let listener = if is_answer { &mut *from } else { &mut *to };
        said = listener.hear(&verify, now);
        is_answer = !is_answer;
    }
}

#[test]
fn both_see_the_same_words_and_hear_each_others_verdict() {
    let (mut a, mut b) = sides();
    let ask = a.ask(at(0));
    talk(ask, &mut a, &mut b, at(0));
    assert_eq!(b.told.first(), Some(&Progress::Asked));
    assert_eq!(a.code(), b.code());
    let verdict = b.verification.judge(true).unwrap();
    assert_eq!(a.hear(&verdict, at(1)), None);
    assert_eq!(a.told.last(), Some(&Progress::Theirs { same: true }));
    let verdict = a.verification.judge(true).unwrap();
    b.hear(&verdict, at(2));
    assert_eq!(b.told.last(), Some(&Progress::Theirs { same: true }));
    assert_eq!(
        (a.verification.deadline(), b.verification.deadline()),
        (None, None)
    );
}

#[test]
fn whoever_sits_between_makes_two_codes() {
    let m = PeerId::new([9; 32]);
    let (mut a, mut b) = (Side::new(A, m), Side::new(B, m));
    let (mut to_a, mut to_b) = (Side::new(m, A), Side::new(m, B));
    let ask = a.ask(at(0));
    talk(ask, &mut a, &mut to_a, at(0));
    let ask = to_b.ask(at(0));
    talk(ask, &mut to_b, &mut b, at(0));
    assert_ne!(a.code().words(), b.code().words());
}

#[test]
fn a_nonce_that_was_not_committed_to_is_a_breach() {
    let (mut a, mut b) = sides();
    let ask = a.ask(at(0));
    let answer = b.hear(&ask, at(0)).unwrap();
    let reveal = a.hear(&answer, at(0)).unwrap();
    let forged = Verify {
        step: VerifyStep::Reveal {
            nonce: [7; NONCE_LEN],
        },
        ..reveal
    };
    let broken = b.verification.handle(&forged, (B, A), &mut b.rng, at(0));
    assert_eq!(broken, Err(BrokenCommitment));
}

#[test]
fn of_two_who_ask_at_once_the_smaller_key_goes_on() {
    let (mut a, mut b) = sides();
    let (from_a, from_b) = (a.ask(at(0)), b.ask(at(0)));
    assert_eq!(a.hear(&from_b, at(0)), None);
    talk(from_a, &mut a, &mut b, at(0));
    assert_eq!(a.code(), b.code());
    assert_eq!(a.told.len(), 1, "a heard no question");
}

#[test]
fn a_verdict_that_overtakes_the_nonce_counts() {
    let (mut a, mut b) = sides();
    let ask = a.ask(at(0));
    let answer = b.hear(&ask, at(0)).unwrap();
    let reveal = a.hear(&answer, at(0)).unwrap();
    let verdict = a.verification.judge(false).unwrap();
    b.hear(&verdict, at(1));
    b.hear(&reveal, at(1));
    assert_eq!(b.code(), a.code());
    assert!(b.told.contains(&Progress::Theirs { same: false }));
    assert!(b.verification.judge(true).is_some());
    assert_eq!(b.verification.deadline(), None);
}

#[test]
fn frames_of_another_attempt_do_nothing() {
    let (mut a, mut b) = sides();
    let old = a.ask(at(0));
    let old_answer = b.hear(&old, at(0)).unwrap();
    let _new = a.ask(at(0));
    assert_eq!(a.hear(&old_answer, at(0)), None);
    let stray = say(77, Verdict::Withdrawn);
    assert_eq!(a.hear(&stray, at(0)), None);
    assert_eq!(a.told, []);
    assert!(a.verification.deadline().is_some());
}

#[test]
fn a_peer_gets_one_guess_in_a_while() {
    let (mut a, mut b) = sides();
    let ask = a.ask(at(0));
    talk(ask, &mut a, &mut b, at(0));
    let code = b.code();
    let again = a.ask(at(59));
    talk(again, &mut a, &mut b, at(59));
    assert_eq!(a.told.last(), Some(&Progress::Over(Unfinished::TooSoon)));
    assert_eq!(b.code(), code, "what b compares stays");
    let later = a.ask(at(60));
    talk(later, &mut a, &mut b, at(60));
    assert_eq!(a.code(), b.code());
    assert_ne!(b.code(), code);
}

#[test]
fn nobody_judges_twice_or_without_words() {
    let (mut a, mut b) = sides();
    assert_eq!(a.verification.judge(true), None);
    let ask = a.ask(at(0));
    assert_eq!(a.verification.judge(true), None);
    talk(ask, &mut a, &mut b, at(0));
    let verdict = a.verification.judge(true).unwrap();
    assert_eq!(a.verification.judge(false), None);
    b.hear(&verdict, at(1));
    let changed = say(verdict.attempt, Verdict::Different);
    b.hear(&changed, at(1));
    assert_eq!(b.told.last(), Some(&Progress::Theirs { same: true }));
}

#[test]
fn who_withdraws_says_so() {
    let (mut a, mut b) = sides();
    let ask = a.ask(at(0));
    talk(ask, &mut a, &mut b, at(0));
    let withdrawn = a.verification.withdraw().unwrap();
    b.hear(&withdrawn, at(1));
    assert_eq!(b.told.last(), Some(&Progress::Over(Unfinished::Withdrawn)));
    assert_eq!(
        (a.verification.withdraw(), b.verification.lose()),
        (None, false)
    );
}
