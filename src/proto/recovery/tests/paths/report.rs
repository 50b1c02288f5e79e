use super::super::*;
use super::bulk::Bulk;
use super::dumbbell::{Dumbbell, Path};

#[test]
fn tune() {
    let Ok(what) = std::env::var("TUNE") else { return };
    let seconds: u64 = std::env::var("SECS").map_or(30, |s| s.parse().unwrap());
    let queue = std::env::var("QUEUE").map_or(100, |s| s.parse().unwrap());
    for rate in [2_000_000, 20_000_000, 100_000_000] {
        for rtt in [10, 50, 300] {
            let mut line = format!("{:>3} Mbit {rtt:>3} ms: ", rate / 1_000_000);
            let losses: &[usize] = if what == "fair" { &[0] } else { &[0, 1, 10, 50, 200] };
            for &loss in losses {
                let path = Path { rate, rtt: ms(rtt), loss, queue, seed: 1 };
                let one = |kind: &str, seed| if kind == "reno" { Bulk::newreno() } else { Bulk::bbr(seed) };
                let flows = match what.as_str() {
                    "fair" => vec![one("bbr", 1), one("reno", 2)],
                    "bbrs" => vec![one("bbr", 1), one("bbr", 2)],
                    kind => vec![one(kind, 1)],
                };
                let mut link = Dumbbell::new(path, flows);
                link.run(at(seconds * 1_000));
                for flow in 0..link.flows.len() {
                    let tally = link.tallies[flow];
                    line += &format!(
                        "| {:5.1} own {:4.1} q {:.2} max {:.2} ",
                        link.used(flow), tally.own_loss(),
                        tally.mean_queue().as_secs_f64() * 1_000.0 / rtt as f64,
                        tally.most_queued.as_secs_f64() * 1_000.0 / rtt as f64,
                    );
                }
            }
            println!("{line}");
        }
    }
}
