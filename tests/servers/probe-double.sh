#!/bin/bash
# Probes the strict double: at least 62 of s3probe.py's checks have to pass (it has no STS, for one).
#   probe-double.sh [PYTHON]      PYTHON has boto3[crt] and requests; target/debug/strict-s3 is built only where it is missing
set -euo pipefail
cd "$(dirname "$0")/../.."
[ -x target/debug/strict-s3 ] || cargo build --workspace --bins
folder=$(mktemp -d)
target/debug/strict-s3 --data "$folder/s3" >"$folder/endpoint" 2>"$folder/log" &
double=$!
trap 'kill $double 2>/dev/null || true; wait $double 2>/dev/null || true; rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
for _ in $(seq 50); do
  [ -s "$folder/endpoint" ] && break
  sleep 0.2
done
"${1:-python3}" tests/servers/s3probe.py "$(cat "$folder/endpoint")" --name strict-s3 --at-least 62
