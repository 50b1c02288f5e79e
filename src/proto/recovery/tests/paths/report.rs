use super::super::*;
use super::bulk::Bulk;
use super::dumbbell::{Dumbbell, Path};

fn var(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |s| s.parse().unwrap())
}

#[test]
fn tune() {
    let Ok(what) = std::env::var("TUNE") else { return };
    let (seconds, queue, seeds) = (var("SECS", 30), var("QUEUE", 100), var("SEEDS", 1));
    let losses = std::env::var("LOSSES").unwrap_or("0 1 10 50 200".into());
    for rate in [2_000_000, 20_000_000, 100_000_000] {
        for rtt in [10, 50, 300] {
            let mut line = format!("{:>3} Mbit {rtt:>3} ms: ", rate / 1_000_000);
            for loss in losses.split_whitespace() {
                let loss = loss.parse().unwrap();
                let mut cells = vec![[0.0, 0.0, 0.0, 1e9, 0.0]; 2];
                let mut count = 0;
                for seed in 1..=seeds as u8 {
                    let path = Path { rate, rtt: ms(rtt), loss, queue, behind: var("BEHIND", 0) == 1, seed };
                    let one = |kind: &str, seed| if kind == "reno" { Bulk::newreno() } else { Bulk::bbr(seed) };
                    let mut flows = match what.as_str() {
                        "fair" => vec![one("bbr", seed), one("reno", 2)],
                        "renos" => vec![one("reno", 1), one("reno", 2)],
                        "bbrs" => vec![one("bbr", seed), one("bbr", seed + 100)],
                        kind => vec![one(kind, seed)],
                    };
                    if let Some(flow) = flows.get_mut(seed as usize % 2) {
                        flow.start = at(var("LATE", 0));
                    }
                    let mut link = Dumbbell::new(path, flows);
                    link.run(at(seconds * 1_000));
                    count = link.flows.len();
                    for flow in 0..count {
                        let tally = link.tallies[flow];
                        let c = &mut cells[flow];
                        c[0] += link.used(flow) / seeds as f64;
                        c[1] += tally.own_loss() / seeds as f64;
                        c[2] += tally.mean_queue().as_secs_f64() * 1_000.0 / rtt as f64 / seeds as f64;
                        c[3] = c[3].min(link.used(flow));
                        c[4] = f64::max(c[4], link.used(flow));
                    }
                }
                for c in &cells[..count] {
                    line += &format!("| {:5.1} ({:3.0}-{:3.0}) own {:4.1} q {:.2} ", c[0], c[3], c[4], c[1], c[2]);
                }
            }
            println!("{line}");
        }
    }
}
