#!/bin/bash
# Runs the end-to-end scenario of tests/e2e against a server that nobody here wrote: starts it, tests, stops it whatever happens.
# Against moto, which is too lax for that, it runs the round trips of keys, classes, tags and versions in tests/conformance.
#   e2e.sh localstack | ceph-rgw | moto      after `SERVER.sh install`; PORT overrides the server's port
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
export HUGESYNC_E2E_NAME=${1:-}
case $HUGESYNC_E2E_NAME in
localstack) export PORT=${PORT:-4566} HUGESYNC_E2E_ACCESS_KEY=test HUGESYNC_E2E_SECRET_KEY=test ;;
moto) export PORT=${PORT:-5555} HUGESYNC_E2E_ACCESS_KEY=test HUGESYNC_E2E_SECRET_KEY=test ;;
ceph-rgw) export PORT=${PORT:-7480} HUGESYNC_E2E_ACCESS_KEY=test HUGESYNC_E2E_SECRET_KEY=testtest ;;
*)
  echo "usage: $0 localstack|ceph-rgw|moto" >&2
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
tests=(--test e2e e2e::servers::scenario -- --exact --nocapture) count=1
if [ "$HUGESYNC_E2E_NAME" = moto ]; then
  tests=(--test conformance conformance::elsewhere) count=5
fi
cargo test "${tests[@]}" 2>&1 | tee "$log"
# A filter that matches nothing succeeds too.
grep -q "^test result: ok. $count passed" "$log" || {
  echo "e2e.sh: the scenario did not run" >&2
  exit 1
}
