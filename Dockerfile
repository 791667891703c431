# The image of the action: one static binary, a shell for GitLab, CA certificates. The images that it is made of are arguments,
# so that a mirror or a local stand-in can take their place, and named by digest, so that they are always the same.
ARG RUST_IMAGE=docker.io/library/rust:1.99.0-slim-trixie@sha256:24e632c09342c20abf8312cf4f61430a911c01ed3a5e4c02b87292b1c39c5273
ARG BASE_IMAGE=docker.io/library/alpine:3.24@sha256:294b683cb724975bec92580e1e685676bd4b50bda910ddb8c51d4cabeaec77e6
# `build` compiles the binary here; `prebuilt` takes the one that .github/build-static.sh has left in dist/.
ARG BINARY=build

FROM ${RUST_IMAGE} AS build
# hadolint ignore=DL3008 # the image's digest names the distribution; its mirrors keep no older packages
RUN apt-get update && apt-get install -y --no-install-recommends file musl-tools && rm -rf /var/lib/apt/lists/*
WORKDIR /hugesync
# The dependencies first, with empty sources in place of ours: this layer stays while Cargo.lock does.
COPY Cargo.toml Cargo.lock ./
COPY examples/Cargo.toml examples/
COPY tests/strict-s3/Cargo.toml tests/strict-s3/
COPY .github/build-static.sh .github/
RUN mkdir -p src benches tests/strict-s3/src \
    && touch src/lib.rs tests/strict-s3/src/lib.rs \
    && for file in src/main.rs benches/scan.rs benches/plan.rs examples/demo.rs; do echo 'fn main() {}' >"$file"; done \
    && .github/build-static.sh
COPY src src
# Cargo goes by times, and those of the sources are older than the build above.
RUN find src -name '*.rs' -exec touch {} + && .github/build-static.sh

FROM scratch AS prebuilt
COPY dist/hugesync /hugesync/dist/hugesync

# hadolint ignore=DL3006 # a stage, not an image
FROM ${BINARY} AS binary

# Nothing runs in this stage, so it is made for another architecture without emulating it.
FROM ${BASE_IMAGE}
COPY --from=binary --chmod=755 /hugesync/dist/hugesync /usr/local/bin/hugesync
COPY --chmod=755 entrypoint.sh /entrypoint.sh
ARG VERSION=0.0.0-dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="HugeSync" \
      org.opencontainers.image.description="Syncs large files and trees to S3 and uploads only what changed" \
      org.opencontainers.image.source="https://github.com/hugesync/hugesync" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# As root, which GitHub asks of container actions: the workspace belongs to another user on every runner.
STOPSIGNAL SIGINT
ENTRYPOINT ["/entrypoint.sh"]
