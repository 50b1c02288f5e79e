use core::time::Duration;

use proptest::prelude::*;

use super::*;

const A: PeerId = PeerId::new([1; 32]);
const B: PeerId = PeerId::new([2; 32]);

const SESSION: [u8; 32] = [7; 32];

/// One side, with its own generator.
struct Side {
    own: PeerId,
    other: PeerId,
    rng: CoreRng,
    handshakes: Vec<[u8; 32]>,
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
            handshakes: vec![SESSION],
            verification: Verification::default(),
            told: Vec::new(),
        }
    }

    fn try_to_ask(&mut self, now: Instant) -> Option<Verify> {
        let between = Between {
            own: self.own,
            peer: self.other,
            handshakes: &self.handshakes,
        };
        self.verification.ask(between, &mut self.rng, now)
    }

    fn ask(&mut self, now: Instant) -> Verify {
        self.try_to_ask(now).unwrap()
    }

    fn try_to_hear(&mut self, said: &Verify, now: Instant) -> Result<Reaction, BrokenCommitment> {
        let between = Between {
            own: self.own,
            peer: self.other,
            handshakes: &self.handshakes,
        };
        self.verification.handle(said, between, &mut self.rng, now)
    }

    fn hear(&mut self, said: &Verify, now: Instant) -> Option<Verify> {
        let reaction = self.try_to_hear(said, now).unwrap();
        self.told.extend(reaction.progress.into_iter().flatten());
        reaction.reply
    }

    fn judge(&mut self, same: bool) -> Option<Verify> {
        let code = self.code();
        let said = self.verification.judge(&code, same)?;
        self.told.extend(said.progress.into_iter().flatten());
        said.reply
    }

    fn code(&self) -> ShortCode {
        let code = self.told.iter().rev().find_map(|progress| match progress {
            Progress::Ready(code) => Some(*code),
            Progress::Asked
            | Progress::Theirs
            | Progress::Agreed(_)
            | Progress::Differs
            | Progress::Over(_) => None,
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
    let verdict = b.judge(true).unwrap();
    assert_eq!(a.hear(&verdict, at(1)), None);
    assert_eq!(a.told.last(), Some(&Progress::Theirs));
    let verdict = a.judge(true).unwrap();
    b.hear(&verdict, at(2));
    let both = [Progress::Theirs, Progress::Agreed(b.code())];
    assert!(b.told.ends_with(&both));
    assert_eq!(a.told.last(), Some(&Progress::Agreed(a.code())));
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
    assert_ne!(a.code().numbers(), b.code().numbers());
}

/// Whoever has both static secrets can be each to the other, but not in one handshake.
#[test]
fn whoever_holds_both_secrets_still_makes_two_codes() {
    let ((mut a, mut as_b), (mut as_a, mut b)) = (sides(), sides());
    for side in [&mut as_a, &mut b] {
        side.handshakes = vec![[8; 32]];
    }
    let ask = a.ask(at(0));
    assert_eq!(
        b.hear(&ask, at(0)),
        Some(say(ask.attempt, Verdict::Later)),
        "a question of another session is not answered"
    );
    talk(ask, &mut a, &mut as_b, at(0));
    let ask = as_a.ask(at(0));
    talk(ask, &mut as_a, &mut b, at(0));
    assert_ne!(a.code().words(), b.code().words());
}

/// The same nonces, attempt and keys: only the handshake keeps the codes apart.
#[test]
fn what_one_session_says_is_worthless_in_another() {
    let (mut a, mut b) = sides();
    let ask = a.ask(at(0));
    b.handshakes = vec![[8; 32]];
    let VerifyStep::Ask { commitment, .. } = ask.step else {
        unreachable!()
    };
    let step = VerifyStep::Ask {
        handshake: [8; 32],
        commitment,
    };
    let moved = Verify { step, ..ask };
    let answer = b.hear(&moved, at(0)).unwrap();
    let reveal = a.hear(&answer, at(0)).unwrap();
    assert_eq!(b.try_to_hear(&reveal, at(0)), Err(BrokenCommitment));
}

#[test]
fn a_question_sent_back_to_its_asker_gets_no_words() {
    for own in [A, B] {
        let other = if own == A { B } else { A };
        let mut side = Side::new(own, other);
        let ask = side.ask(at(0));
        assert_eq!(side.hear(&ask, at(0)), None);
        let reveal = Verify {
            attempt: ask.attempt,
            step: VerifyStep::Reveal {
                nonce: [7; NONCE_LEN],
            },
        };
        assert_eq!(side.hear(&reveal, at(0)), None);
        assert_eq!(side.told, []);
    }
}

#[test]
fn a_nonce_that_was_not_committed_to_is_a_breach() {
    let (mut a, mut b) = sides();
    let ask = a.ask(at(0));
    let answer = b.hear(&ask, at(0)).unwrap();
    let reveal = a.hear(&answer, at(0)).unwrap();
    let step = VerifyStep::Reveal {
        nonce: [7; NONCE_LEN],
    };
    let forged = Verify { step, ..reveal };
    assert_eq!(b.try_to_hear(&forged, at(0)), Err(BrokenCommitment));
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

/// Otherwise the one would be told "later", and the other would wait for an answer.
#[test]
fn two_who_ask_at_once_soon_after_a_comparison_both_get_words() {
    let (mut a, mut b) = sides();
    let ask = a.ask(at(0));
    talk(ask, &mut a, &mut b, at(0));
    let withdrawn = a.verification.withdraw().unwrap();
    b.hear(&withdrawn, at(0));
    let (from_a, from_b) = (a.ask(at(30)), b.ask(at(30)));
    assert_eq!(a.hear(&from_b, at(30)), None);
    talk(from_a, &mut a, &mut b, at(30));
    assert_eq!(a.code(), b.code());
}

#[test]
fn a_question_that_comes_twice_is_one_question() {
    let (mut a, mut b) = sides();
    let ask = a.ask(at(0));
    let answer = b.hear(&ask, at(0)).unwrap();
    assert_eq!(b.hear(&ask, at(0)), None, "it is not told to come later");
    let reveal = a.hear(&answer, at(0)).unwrap();
    assert_eq!(a.hear(&answer, at(0)), None);
    b.hear(&reveal, at(0));
    assert_eq!(b.hear(&reveal, at(0)), None);
    assert_eq!(b.hear(&ask, at(0)), None);
    assert_eq!(a.code(), b.code());
    let told = [Progress::Asked, Progress::Ready(b.code())];
    assert_eq!(b.told, told);
    let withdrawn = a.verification.withdraw().unwrap();
    b.hear(&withdrawn, at(1));
    assert_eq!(b.hear(&ask, at(90)), None, "also when it is over");
}

#[test]
fn a_verdict_that_overtakes_the_nonce_is_told_with_the_words() {
    let (mut a, mut b) = sides();
    let ask = a.ask(at(0));
    let answer = b.hear(&ask, at(0)).unwrap();
    let reveal = a.hear(&answer, at(0)).unwrap();
    let verdict = a.judge(true).unwrap();
    b.hear(&verdict, at(1));
    assert_eq!(b.told, [Progress::Asked], "there are no words yet");
    b.hear(&reveal, at(1));
    assert_eq!(b.code(), a.code());
    assert_eq!(b.told.last(), Some(&Progress::Theirs));
    assert!(b.judge(true).is_some());
    assert_eq!(b.verification.deadline(), None);
}

#[test]
fn that_the_words_differ_counts_at_once_and_is_the_last_word() {
    let (mut a, mut b) = sides();
    let ask = a.ask(at(0));
    let answer = b.hear(&ask, at(0)).unwrap();
    let reveal = a.hear(&answer, at(0)).unwrap();
    let differs = a.judge(false).unwrap();
    assert_eq!(a.judge(true), None, "it is not taken back");
    b.hear(&differs, at(1));
    assert_eq!(b.told.last(), Some(&Progress::Differs));
    assert_eq!(b.hear(&reveal, at(1)), None);
    assert_eq!(b.told.last(), Some(&Progress::Differs), "no words follow");
}

#[test]
fn that_the_words_are_the_same_can_be_taken_back() {
    let (mut a, mut b) = sides();
    let ask = a.ask(at(0));
    talk(ask, &mut a, &mut b, at(0));
    let same = a.judge(true).unwrap();
    b.hear(&same, at(1));
    let differs = a.judge(false).unwrap();
    b.hear(&differs, at(1));
    assert_eq!(b.told.last(), Some(&Progress::Differs));
}

/// Two who have the same words, and have said so.
fn agreed() -> (Side, Side) {
    let (mut a, mut b) = sides();
    let ask = a.ask(at(0));
    talk(ask, &mut a, &mut b, at(0));
    let same = a.judge(true).unwrap();
    b.hear(&same, at(1));
    let same = b.judge(true).unwrap();
    a.hear(&same, at(1));
    (a, b)
}

#[test]
fn who_has_agreed_can_still_say_that_the_words_differed() {
    for a_says in [true, false] {
        let (mut a, mut b) = agreed();
        let (says, hears) = if a_says {
            (&mut a, &mut b)
        } else {
            (&mut b, &mut a)
        };
        let words = says.verification.words().unwrap();
        assert_eq!((words.code, words.is_running), (says.code(), false));
        let differs = says.judge(false).unwrap();
        assert_eq!(says.judge(true), None, "it is not taken back");
        hears.hear(&differs, at(9_000));
        assert_eq!(hears.told.last(), Some(&Progress::Differs));
        assert_eq!(hears.verification.words(), None);
    }
}

#[test]
fn a_copy_of_an_answer_that_is_late_takes_no_agreement_back() {
    let (mut a, mut b) = sides();
    let ask = a.ask(at(0));
    let answer = b.hear(&ask, at(0)).unwrap();
    let reveal = a.hear(&answer, at(0)).unwrap();
    b.hear(&reveal, at(0));
    let theirs = b.judge(true).unwrap();
    a.hear(&theirs, at(1));
    let ours = a.judge(true).unwrap();
    assert_eq!(a.hear(&answer, at(2)), None);
    b.hear(&ours, at(2));
    assert_eq!(b.told.last(), Some(&Progress::Agreed(b.code())));
}

#[test]
fn after_an_agreement_there_are_new_words() {
    let (mut a, mut b) = agreed();
    let (old, later) = (a.code(), at(60));
    let ask = b.ask(later);
    talk(ask, &mut b, &mut a, later);
    assert_eq!(a.code(), b.code());
    assert_ne!(a.code(), old);
    let words = a.verification.words().unwrap();
    assert_eq!((words.code, words.is_running), (a.code(), true));
    assert_eq!(a.verification.judge(&old, true), None, "of other words");
    // The old ones may be what somebody has read out only now.
    let differs = a.verification.judge(&old, false).unwrap().reply.unwrap();
    b.hear(&differs, later);
    assert_eq!(b.told.last(), Some(&Progress::Differs));
}

#[test]
fn words_that_nobody_judged_in_time_can_still_be_said_to_differ() {
    let (mut a, mut b) = sides();
    let ask = a.ask(at(0));
    talk(ask, &mut a, &mut b, at(0));
    let withdrawn = a.verification.withdraw().unwrap();
    b.hear(&withdrawn, at(300));
    assert_eq!(b.judge(true), None);
    // A question that comes to nothing does not take their place.
    let ask = a.ask(at(301));
    b.hear(&ask, at(301));
    let withdrawn = a.verification.withdraw().unwrap();
    b.hear(&withdrawn, at(301));
    let differs = b.judge(false).unwrap();
    a.hear(&differs, at(302));
    assert_eq!(a.told.last(), Some(&Progress::Differs));
}

#[test]
fn with_the_connection_every_comparison_is_forgotten() {
    let (mut a, mut b) = agreed();
    assert!(!a.verification.lose(), "none runs");
    assert_eq!(a.verification.words(), None);
    assert_eq!(a.judge(false), None);
    let differs = b.judge(false).unwrap();
    a.hear(&differs, at(2));
    assert_eq!(a.told.last(), Some(&Progress::Agreed(a.code())));
}

/// The one would wait five minutes for an answer to a question that the other has ignored.
#[test]
fn of_two_who_ask_at_once_over_new_keys_neither_waits_in_vain() {
    let (mut a, mut b) = sides();
    b.handshakes = vec![[8; 32]];
    let (from_a, from_b) = (a.ask(at(0)), b.ask(at(0)));
    assert_eq!(a.hear(&from_b, at(0)), None);
    talk(from_a, &mut a, &mut b, at(0));
    for side in [&a, &b] {
        assert!(matches!(side.told[..], [Progress::Over(_)]));
        assert_eq!(side.verification.deadline(), None);
    }
}

#[test]
fn frames_of_another_attempt_do_nothing() {
    let (mut a, mut b) = sides();
    let old = a.ask(at(0));
    let old_answer = b.hear(&old, at(0)).unwrap();
    let withdrawn = a.verification.withdraw().unwrap();
    let _new = a.ask(at(0));
    let reply = a.hear(&old_answer, at(0)).unwrap();
    assert!(reply == withdrawn, "whoever answers in vain is told so");
    let stray = say(77, Verdict::Withdrawn);
    assert_eq!(a.hear(&stray, at(0)), None);
    assert_eq!(a.told, []);
    assert!(a.verification.deadline().is_some());
}

/// A withdrawal may overtake its question.
#[test]
fn whoever_answers_a_question_that_was_withdrawn_does_not_wait_for_words() {
    let (mut a, mut b) = sides();
    let ask = a.ask(at(0));
    let withdrawn = a.verification.withdraw().unwrap();
    b.hear(&withdrawn, at(0));
    talk(ask, &mut a, &mut b, at(0));
    assert_eq!(b.told.last(), Some(&Progress::Over(Unfinished::Withdrawn)));
    assert_eq!(b.verification.deadline(), None);
}

#[test]
fn a_peer_gets_one_guess_in_a_while() {
    let (mut a, mut b) = sides();
    let ask = a.ask(at(0));
    talk(ask, &mut a, &mut b, at(0));
    let code = b.code();
    assert!(a.try_to_ask(at(59)).is_none(), "one runs");
    a.verification.lose();
    let again = a.ask(at(59));
    talk(again, &mut a, &mut b, at(59));
    assert_eq!(a.told.last(), Some(&Progress::Over(Unfinished::TooSoon)));
    assert_eq!(b.code(), code, "what b compares stays");
    let later = a.ask(at(60));
    talk(later, &mut a, &mut b, at(60));
    assert_eq!(a.code(), b.code());
    assert_ne!(b.code(), code);
    assert_eq!(b.verification.judge(&code, true), None, "of other words");
}

/// Whoever sits between two sessions asks both sides in turn: with each answer he has one more pair of codes that might
/// be the same.
#[test]
fn whoever_sits_between_two_sessions_has_two_guesses_in_a_pause() {
    let mut victims = [Side::new(A, B), Side::new(B, A)];
    let mut asked = [0, 0];
    let minutes = 10;
    for second in 0..minutes * 60 {
        for (nth, victim) in victims.iter_mut().enumerate() {
            // The one half a minute after the other, and otherwise as often as he likes.
            if nth == 1 && second < 30 {
                continue;
            }
            let step = VerifyStep::Ask {
                handshake: SESSION,
                commitment: [9; 32],
            };
            let ask = Verify {
                attempt: second,
                step,
            };
            let answer = victim.hear(&ask, at(second)).unwrap();
            if matches!(answer.step, VerifyStep::Answer { .. }) {
                asked[nth] += 1;
            }
        }
    }
    assert_eq!(asked, [minutes, minutes]);
    let told = |side: &Side| {
        side.told
            .iter()
            .filter(|it| **it == Progress::Asked)
            .count()
    };
    let told: usize = victims.iter().map(told).sum();
    // The first answer makes no pair yet.
    let pairs = told - 1;
    assert_eq!(pairs as u64, 2 * minutes - 1, "a person is told of each");
}

#[test]
fn nobody_judges_twice_or_without_words() {
    let (mut a, mut b) = sides();
    let ask = a.ask(at(0));
    let of_others = Comparison {
        handshake: SESSION,
        attempt: 1,
        asker: A,
        answerer: B,
    };
    let code = of_others.code(&[1; NONCE_LEN], &[2; NONCE_LEN]);
    assert_eq!(a.verification.judge(&code, true), None);
    talk(ask, &mut a, &mut b, at(0));
    assert_eq!(a.verification.judge(&code, true), None);
    let verdict = a.judge(true).unwrap();
    assert_eq!(a.judge(true), None);
    b.hear(&verdict, at(1));
    b.hear(&verdict, at(1));
    let theirs = b.told.iter().filter(|it| **it == Progress::Theirs);
    assert_eq!(theirs.count(), 1);
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

proptest! {
    /// Whatever is lost, repeated or comes late: two sides that are told words are told the same ones, and
    /// whoever stops hearing the other ends.
    #[test]
    fn whatever_the_network_does_the_words_agree(
        asks in proptest::collection::vec((any::<bool>(), 0_u64..200), 1..6),
        picks in proptest::collection::vec((any::<u16>(), 0_u8..4), 0..60),
    ) {
        let (mut a, mut b) = sides();
        let mut way: Vec<(bool, Verify)> = Vec::new();
        let mut time = 0;
        for (by_a, wait) in asks {
            time += wait;
            let side = if by_a { &mut a } else { &mut b };
            way.extend(side.try_to_ask(at(time)).map(|ask| (by_a, ask)));
        }
        for (pick, fate) in picks {
            if way.is_empty() {
                break;
            }
            let nth = usize::from(pick) % way.len();
            let (by_a, said) = way[nth];
            if fate != 0 {
                way.remove(nth);
            }
            if fate == 1 {
                continue;
            }
            let side = if by_a { &mut b } else { &mut a };
            if let Some(reply) = side.hear(&said, at(time)) {
                way.push((!by_a, reply));
            }
        }
        let codes = [&a, &b].map(|side| match &side.verification.stage {
            Some(Running { attempt, stage: Stage::Comparing(code), .. }) => Some((*attempt, *code)),
            _ => None,
        });
        if let [Some((first, of_a)), Some((second, of_b))] = codes
            && first == second
        {
            prop_assert_eq!(of_a, of_b);
        }
        for side in [&a, &b] {
            let until = side.verification.deadline();
            prop_assert!(until.is_none_or(|until| until <= at(time) + VERIFY_LIFE));
        }
    }
}
