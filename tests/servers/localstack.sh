#!/bin/bash
# LocalStack's S3 provider alone, on the host: no containers, no account. The public emulator closest to AWS; it checks
# conditions on copies and on Complete and the CRC64NVME of stitched objects. S3 keys: test / test.
# Needs Python 3.13 or newer, and gets one where there is none. Its objects lie in /tmp/localstack-s3-storage, which all instances share: use bucket names of
# your own. Which objects there are is forgotten when it stops.
#   localstack.sh install | start | stop      PORT=4566 unless set
set -u
NAME=localstack PORT=${PORT:-4566}
# shellcheck source=SCRIPTDIR/_server.sh
. "$(dirname "$0")/_server.sh"

newer_python() {
  for python in python3.14 python3.13 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[3-9]*/bin/python3 python3; do
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 13))' 2>/dev/null && command -v "$python" && return 0
  done
  # One of its own, by uv.
  echo "localstack: no Python 3.13 or newer found, so uv gets one" >&2
  python3 -m venv "$DATA/uv" && "$DATA/uv/bin/pip" install -q uv >&2 && "$DATA/uv/bin/uv" python install --quiet 3.13 >&2 &&
    "$DATA/uv/bin/uv" python find 3.13
}

case ${1:-} in
install)
  if [ ! -x "$DATA/venv/bin/python" ]; then
    python=$(newer_python) && "$python" -m venv "$DATA/venv" || exit 1
  fi
  venv 'localstack-core[base-runtime]==2026.3.0' 'cbor2<5.8' 'pyopenssl<26' # newer cbor2 and pyopenssl break it
  ;;
start)
  refuse_taken_port "$PORT" || exit 1
  cd "$DATA" || exit 1
  start_bg env GATEWAY_LISTEN=127.0.0.1:"$PORT" SERVICES=s3 STRICT_SERVICE_LOADING=1 \
    EAGER_SERVICE_LOADING=1 DISABLE_EVENTS=1 SKIP_SSL_CERT_DOWNLOAD=1 DNS_ADDRESS=0 ALLOW_NONSTANDARD_REGIONS=1 \
    PERSISTENCE=0 GATEWAY_SERVER=hypercorn S3_SKIP_SIGNATURE_VALIDATION=0 \
    LOCALSTACK_VOLUME_DIR="$DATA" FILESYSTEM_ROOT="$DATA" \
    "$DATA/venv/bin/python" -m localstack.runtime.main
  wait_port "$PORT" 120
  ;;
stop) stop_bg ;;
*)
  echo "usage: $0 install|start|stop" >&2
  exit 2
  ;;
esac
