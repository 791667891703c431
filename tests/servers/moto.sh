#!/bin/bash
# moto: S3 with KMS keys, customer keys, versions, classes and tags, in one process and in memory. It ignores conditions on
# copies and on Complete and takes wrong checksums, so only what comes back from it counts. Any keys will do.
#   moto.sh install | start | stop      PORT=5555 unless set
set -u
NAME=moto PORT=${PORT:-5555}
# shellcheck source=SCRIPTDIR/_server.sh
. "$(dirname "$0")/_server.sh"

case ${1:-} in
install) venv 'moto[server,s3]==5.2.5' ;;
start)
  refuse_taken_port "$PORT" || exit 1
  start_bg "$DATA/venv/bin/moto_server" -H 127.0.0.1 -p "$PORT"
  wait_port "$PORT" 60
  ;;
stop) stop_bg ;;
*)
  echo "usage: $0 install|start|stop" >&2
  exit 2
  ;;
esac
