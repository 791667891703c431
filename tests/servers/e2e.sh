#!/bin/bash
# Runs the end-to-end scenario of tests/e2e against a server that nobody here wrote: starts it, tests, stops it whatever happens.
# Against moto, which is too lax for that, it runs the round trips of keys, classes, tags and versions in tests/conformance, and the
# tests of identity tokens with moto's STS in place of their own.
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
check() { # check COUNT ARGUMENTS...: runs so many tests
  local count=$1
  shift
  cargo test "$@" 2>&1 | tee "$log"
  # A filter that matches nothing succeeds too.
  grep -q "^test result: ok. $count passed" "$log" || {
    echo "e2e.sh: not $count tests have run" >&2
    exit 1
  }
}
if [ "$HUGESYNC_E2E_NAME" = moto ]; then
  check 5 --test conformance conformance::elsewhere
  HUGESYNC_E2E_STS=$HUGESYNC_E2E_ENDPOINT check 15 --test e2e e2e::oidc
else
  check 1 --test e2e e2e::servers::scenario -- --exact --nocapture
fi
