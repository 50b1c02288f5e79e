# Each recipe is one line; .cargo/config.toml has the same ones as cargo aliases.

# lints of the whole tree, warnings are errors
check:
    cargo clippy --all-targets --locked -- -D warnings

# the whole test suite, offline
test:
    cargo test --locked

# 10,000 seeds of the simulation
sim:
    cargo sim

# 2,000 messages each way and one of 5 MiB through a network that loses a fifth
storm:
    cargo storm

# every property test with 50,000 cases
fuzz:
    cargo prop

# licences, sources, bans and known vulnerabilities of the dependencies
deny:
    cargo deny check

# beside boringtun, quinn, rustls and plain UDP; `just bench --small` takes seconds
bench *args:
    cargo peers -- {{args}}

# what the continuous integration runs
ci:
    .ci/run

# man pages, into target/man
man:
    cargo man
