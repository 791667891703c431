#!/bin/bash
# Memory does not grow with the file: syncs a pseudo-random file of 8 GiB to the strict double, changes 20 places in it, syncs
# again, fetches the object over the old version and then anew, and fails if any run's resident memory passes 200 MiB.
#   memory.sh [GIB]
# Needs /usr/bin/time (GNU), openssl, and four times the file's size on disk. The binaries, target/release/hugesync (or what HUGESYNC
# names) and target/debug/strict-s3, are built only where they are missing.
set -euo pipefail
cd "$(dirname "$0")/.."
gib=${1:-8}
limit_mib=200
hugesync=${HUGESYNC:-target/release/hugesync}
double=target/debug/strict-s3
folder=target/memory

[ -x "$hugesync" ] || cargo build --release --bin hugesync
[ -x "$double" ] || cargo build --workspace --bins
mkdir -p "$folder"
free_gib=$(($(df -Pk "$folder" | awk 'NR == 2 { print $4 }') >> 20))
if ((free_gib < 4 * gib + 1)); then
  echo "memory.sh: $folder has $free_gib GiB free, $((4 * gib + 1)) are needed" >&2
  exit 1
fi

double_pid=
clean_up() {
  [ -z "$double_pid" ] || kill "$double_pid" 2>/dev/null || true
  [ -z "$double_pid" ] || wait "$double_pid" 2>/dev/null || true
  rm -rf "$folder"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# The key stream of AES in counter mode: as random as needed, the same every time, a gigabyte a second.
file=$folder/file
openssl enc -aes-128-ctr -nosalt -K 68756765 -iv 0 -in /dev/zero 2>/dev/null | head -c "${gib}G" >"$file" || true
[ "$(stat -c %s "$file")" = $((gib << 30)) ] || {
  echo "memory.sh: the file could not be made" >&2
  exit 1
}

"$double" --data "$folder/s3" --bucket memory >"$folder/endpoint" 2>"$folder/double.log" &
double_pid=$!
for _ in $(seq 50); do
  [ -s "$folder/endpoint" ] && break
  sleep 0.2
done
endpoint=$(cat "$folder/endpoint")
[ -n "$endpoint" ] || {
  cat "$folder/double.log" >&2
  exit 1
}
export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=testtest AWS_REGION=us-east-1 AWS_EC2_METADATA_DISABLED=true

failed=
measure() { # measure WHAT ACTION FROM TO: syncs, and compares the peak of its resident memory with the limit
  /usr/bin/time -v -o "$folder/time" "$hugesync" sync "$3" "$4" --endpoint-url "$endpoint" --path-style --json \
    >"$folder/report.json"
  python3 - "$1" "$2" "$limit_mib" "$folder" <<'PY' || failed=1
import json, re, sys

what, action, limit, folder = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
report = json.load(open(f"{folder}/report.json"))
peak = int(re.search(r"Maximum resident set size \(kbytes\): (\d+)", open(f"{folder}/time").read())[1]) / 1024
mib = lambda field: f"{report[field] / (1 << 20):.1f} MiB"
print(f"{what}: {peak:.1f} MiB resident at most (limit {limit}), {report['duration_seconds']:.1f} s, "
      f"{mib('bytes_uploaded')} of {mib('bytes_total')} uploaded, {mib('bytes_downloaded')} downloaded, "
      f"{mib('bytes_copied')} copied", flush=True)
found = report["files"][0]["action"]
if found != action or not report["verified"]:
    sys.exit(f"memory.sh: {what}: expected {action} and verified, got {found}, verified: {report['verified']}")
if peak > limit:
    sys.exit(f"memory.sh: {what}: {peak:.1f} MiB are more than {limit}")
PY
}
measure 'first upload' uploaded "$file" s3://memory/file
cp --reflink=auto "$file" "$folder/back"
for place in $(seq 20); do
  offset=$((place * (gib << 30) / 21))
  printf 'edit %d' "$place" | dd of="$file" bs=64 seek="$offset" oflag=seek_bytes conv=notrunc status=none
done
measure 'after 20 edits' stitched "$file" s3://memory/file
measure 'download over the old version' patched s3://memory/file "$folder/back"
cmp "$file" "$folder/back"
rm "$folder/back"
measure 'download' downloaded s3://memory/file "$folder/back"
cmp "$file" "$folder/back"
[ -z "$failed" ]
