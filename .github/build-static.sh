#!/bin/sh
# Builds the musl-static binary for this machine's architecture and leaves it in dist/hugesync. The only place that knows how: the
# Dockerfile, the releases and .ci/run call it. It needs rustup, and a C compiler for musl (Debian's musl-tools).
#   build-static.sh [ARGUMENT OF cargo build...]      what else is to be built with it
set -eu
cd "$(dirname "$0")/.."
target=$(uname -m)-unknown-linux-musl
rustup target add "$target"
# Crates with C code look for this compiler by themselves; where it goes by another name they have to be told.
if ! command -v "$(uname -m)-linux-musl-gcc" >/dev/null && command -v musl-gcc >/dev/null; then
  export "CC_$(echo "$target" | tr - _)=musl-gcc"
fi
cargo build --release --locked --target "$target" --bin hugesync "$@"

mkdir -p dist
cp "${CARGO_TARGET_DIR:-target}/$target/release/hugesync" dist/hugesync
described=$(file -b dist/hugesync)
echo "dist/hugesync: $(($(wc -c <dist/hugesync) / 1024)) KiB, $described"
case $described in
*"statically linked"* | *"static-pie linked"*) ;;
*)
  echo "build-static.sh: this is not a static binary" >&2
  exit 1
  ;;
esac
