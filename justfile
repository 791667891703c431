# `just` lists the recipes, `just check` is what has to pass before a commit.

default:
    @just --list

# Formatting, lints, tests, documentation
check: fmt clippy test doc

fmt:
    cargo fmt --all --check

clippy:
    cargo clippy --workspace --all-targets --locked -- -D warnings

test:
    cargo test --workspace

doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --workspace --locked

# The product on this machine: what a sync saves, counted on the wire
demo *file:
    cargo run --profile demo -p demo -- {{ file }}

# The scan and the plan, as ratios against peers
bench:
    cargo bench

# The sidecar decoder, SECONDS long; needs cargo-fuzz
fuzz seconds="60":
    mkdir -p fuzz/corpus/sidecar
    RUSTC_BOOTSTRAP=1 cargo fuzz run sidecar fuzz/corpus/sidecar tests/vectors -- -max_len=4096 -malloc_limit_mb=16 -max_total_time={{ seconds }}

# The end-to-end scenario against LocalStack and Ceph (needs root for Ceph's packages)
servers:
    tests/servers/localstack.sh install && tests/servers/e2e.sh localstack
    tests/servers/ceph-rgw.sh install && tests/servers/e2e.sh ceph-rgw

# How the strict double behaves against AWS; python3 needs boto3[crt] and requests
probe:
    cargo build --workspace --bins
    tests/servers/probe-double.sh python3

# Memory for a file of GIB GiB
memory gib="8":
    cargo build --release --bin hugesync
    cargo build --workspace --bins
    tests/memory.sh {{ gib }}

# The static binary, the image around it, and that as CI systems run it (root, Debian)
image *arguments:
    .github/build-static.sh
    cargo build --workspace --bins
    tests/image/run.sh install
    tests/image/run.sh {{ arguments }}

# action.yml, workflows, Dockerfile, scripts, and the examples in the documents
checkers:
    tests/docs/checkers.sh install
    tests/docs/checkers.sh

# Licences, bans, sources; needs cargo-deny
deny:
    cargo deny check licenses bans sources

# Everything that CI runs
ci:
    bash .ci/run
