#!/bin/bash
# The binary alone: in a folder that holds nothing but it, CA certificates and what is to be uploaded, entered with chroot, it
# syncs a small tree and a file of 60 MB to a strict-s3 on loopback. Then everything is read back and compared.
#   chroot.sh BINARY DOUBLE PYTHON      dist/hugesync, target/debug/strict-s3, and a python that has boto3; needs root
set -euo pipefail
binary=${1:?chroot.sh: which binary?} double=${2:?chroot.sh: which strict-s3?} python=${3:-python3}

described=$(file -b "$binary")
echo "$binary: $described"
case $described in
*"statically linked"* | *"static-pie linked"*) ;;
*)
  echo "chroot.sh: this is not a static binary" >&2
  exit 1
  ;;
esac

folder=$(mktemp -d)
double_pid=
clean_up() {
  [ -z "$double_pid" ] || kill "$double_pid" 2>/dev/null || true
  [ -z "$double_pid" ] || wait "$double_pid" 2>/dev/null || true
  rm -rf "$folder"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

root=$folder/root
mkdir -p "$root/etc/ssl/certs" "$root/tree/deep/er"
cp "$binary" "$root/hugesync"
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
head -c 60000000 /dev/urandom >"$root/tree/disk.img"
seq 100000 >"$root/tree/deep/numbers.txt"
printf 'with a space' >"$root/tree/deep/er/a b.txt"
: >"$root/tree/empty"
echo "in the folder: $(cd "$root" && find . -type f | sort | tr '\n' ' ')"

"$double" --data "$folder/s3" --bucket bucket >"$folder/endpoint" 2>"$folder/log" &
double_pid=$!
for _ in $(seq 50); do
  [ -s "$folder/endpoint" ] && break
  sleep 0.2
done
endpoint=$(cat "$folder/endpoint")
[ -n "$endpoint" ] || {
  cat "$folder/log" >&2
  exit 1
}

alone() { # alone VARIABLE=VALUE... ARGUMENT...: runs the binary with these variables and no others
  local variables=()
  while [[ ${1-} == *=* ]]; do
    variables+=("$1")
    shift
  done
  env -i AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=testtest AWS_REGION=us-east-1 AWS_EC2_METADATA_DISABLED=true \
    "${variables[@]}" "$(command -v chroot)" "$root" /hugesync "$@"
}
alone --version
alone sync /tree/ s3://bucket/tree/ --endpoint-url "$endpoint" --path-style

AWS_EC2_METADATA_DISABLED=true "$python" - "$endpoint" "$root/tree" <<'PY'
import os
import sys

import boto3
from botocore.config import Config

endpoint, tree = sys.argv[1:]
s3 = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="test",
                  aws_secret_access_key="testtest", config=Config(s3={"addressing_style": "path"}))
names = sorted(os.path.relpath(os.path.join(folder, name), tree) for folder, _, found in os.walk(tree) for name in found)
read = lambda name: s3.get_object(Bucket="bucket", Key=f"tree/{name}")["Body"].read()
different = [name for name in names if read(name) != open(os.path.join(tree, name), "rb").read()]
print(f"{len(names) - len(different)} of {len(names)} objects are the files, byte for byte")
if different:
    sys.exit(f"chroot.sh: these are not: {different}")
PY

# The same by variables, as a plain CI would: nothing is left to do, though the times are others.
find "$root/tree" -type f -exec touch {} +
alone HUGESYNC_SOURCE=/tree/ HUGESYNC_DESTINATION=s3://bucket/tree/ "HUGESYNC_ENDPOINT_URL=$endpoint" HUGESYNC_PATH_STYLE=true \
  HUGESYNC_OUTPUT_PATH=/outputs.env ci
for wanted in HUGESYNC_OUT_RESULT=unchanged HUGESYNC_OUT_BYTES_UPLOADED=0; do
  tr -d "\"'" <"$root/outputs.env" | grep -qx "$wanted" || {
    echo "chroot.sh: no $wanted among the outputs:" >&2
    cat "$root/outputs.env" >&2
    exit 1
  }
done
echo "hugesync ci finds nothing to do"
