#!/bin/bash
# Everything that is tested of the image: runs the binary alone in a chroot, builds the image around it, and runs that as CI
# systems do. The binary is dist/hugesync, as .github/build-static.sh leaves it.
#   run.sh install                       podman and its like, and the Python packages
#   run.sh [ARGUMENT OF test.py...]      needs root and target/debug/strict-s3
set -euo pipefail
cd "$(dirname "$0")/../.."
venv=target/image/venv image=localhost/hugesync double=target/debug/strict-s3

if [ "${1:-}" = install ]; then
  tests/image/image.sh install
  [ -x "$venv/bin/python" ] || python3 -m venv "$venv"
  "$venv/bin/pip" install -q --disable-pip-version-check pyyaml boto3
  exit
fi
for needed in dist/hugesync "$double" "$venv/bin/python"; do
  [ -x "$needed" ] || {
    echo "run.sh: $needed is missing" >&2
    exit 1
  }
done
tests/image/chroot.sh dist/hugesync "$double" "$venv/bin/python"
tests/image/image.sh base hugesync-base
tests/image/image.sh build -t "$image" --build-arg BINARY=prebuilt --build-arg BASE_IMAGE=localhost/hugesync-base .
"$venv/bin/python" tests/image/test.py "$image" --double "$double" "$@"
