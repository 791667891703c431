#!/bin/bash
# Runs the end-to-end scenario of tests/e2e against a server that nobody here wrote: starts it, tests, stops it whatever happens.
#   e2e.sh localstack | ceph-rgw      after `SERVER.sh install`; PORT overrides the server's port
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
export HUGESYNC_E2E_NAME=${1:-}
case $HUGESYNC_E2E_NAME in
localstack) export PORT=${PORT:-4566} HUGESYNC_E2E_ACCESS_KEY=test HUGESYNC_E2E_SECRET_KEY=test ;;
ceph-rgw) export PORT=${PORT:-7480} HUGESYNC_E2E_ACCESS_KEY=test HUGESYNC_E2E_SECRET_KEY=testtest ;;
*)
  echo "usage: $0 localstack|ceph-rgw" >&2
  exit 2
  ;;
esac
export HUGESYNC_E2E_ENDPOINT=http://127.0.0.1:$PORT
cd "$here/../.."

log=$(mktemp)
server=$here/$HUGESYNC_E2E_NAME.sh
trap '"$server" stop; rm -f "$log"' EXIT
trap 'exit 130' INT TERM
"$server" start
cargo test --test e2e e2e::servers::scenario -- --exact --nocapture 2>&1 | tee "$log"
# A filter that matches nothing succeeds too.
grep -q '^test result: ok. 1 passed' "$log" || {
  echo "e2e.sh: the scenario did not run" >&2
  exit 1
}
