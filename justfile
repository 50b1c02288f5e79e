# Each recipe is one line; .cargo/config.toml has most of them as cargo aliases.

# lints of the whole tree, warnings are errors
check:
    cargo clippy --all-targets --locked -- -D warnings

# the whole test suite; none of its tests needs a network
test:
    cargo test --locked

# 10,000 seeds of the simulation
sim:
    cargo sim

# 2,000 messages each way and one of 5 MiB through a network that loses a fifth
storm:
    cargo storm

# every property test of the library with 50,000 cases
prop:
    cargo prop

# looks for inputs that break a target (the files of fuzz/fuzz_targets); needs nightly Rust and cargo-fuzz
fuzz target minutes="10":
    cargo +nightly fuzz run --sanitizer none {{target}} -- -max_total_time=$(({{minutes}} * 60)) -timeout=20

# runs what the fuzzers have kept, or the file in SECURECHAT_FUZZ_INPUT, through a target or all of them
replay target="":
    cargo replay {{ if target == "" { "" } else { "-- --exact " + target } }}

# 5,000 failing write points, 2,000 kills and 5,000 damaged files
crash:
    cargo crash

# 500 kills of real programs that talk
kills:
    cargo kills

# the threads under a few hundred orders of events each
models:
    cargo models

# the threads under 20,000 orders of either kind
orders:
    cargo orders

# what the unit tests would not notice, in id, wire, crypto and proto; `just mutants --re '^src/proto/replay'` for one
# file, `just mutants --shard 0/8` for an eighth; needs cargo-mutants
mutants *args:
    cargo mutants {{args}}

# licences, sources, bans and known vulnerabilities of the dependencies
deny:
    cargo deny check

# beside boringtun, quinn, rustls and plain UDP; `just bench --small` takes seconds
bench *args:
    cargo peers -- {{args}}

# a second implementation, in Python, against target/release/securechat: interop/README.md
interop *args:
    py=target/interop/bin/python && $py interop/vectors.py && $py interop/abuse.py {{args}} && $py interop/live.py {{args}}

# the program for Windows, under wine 10, and the one for Linux talk with each other: docs/windows.md
windows *args:
    cargo build --locked --release && cargo build --locked --target x86_64-pc-windows-gnu && interop/windows {{args}}

# all that must hold before a change is taken
ci:
    .ci/run

# a program for Linux that needs nothing of the system; needs musl-tools: docs/packaging.md
static target="x86_64-unknown-linux-musl":
    cargo build --release --locked --target {{target}}

# the same with the bytes that everybody else gets
release target="x86_64-unknown-linux-musl":
    .ci/release {{target}}

# runs that one in an empty root
alone program="target/x86_64-unknown-linux-musl/release/securechat":
    .ci/alone {{program}}

# what a full screen costs in a minute in which nothing happens, and how fast it opens
idle:
    cargo idle

# man pages, into target/man
man:
    cargo man
