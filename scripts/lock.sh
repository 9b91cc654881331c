#!/usr/bin/env bash
# Writes constraints.txt anew: the newest set that setup.py allows, installed into an environment of its own and
# frozen. Run it, run `make check test-all`, and commit the file only when both are green.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=$(mktemp -d)
trap 'rm -rf "$venv"' EXIT
"${PYTHON:-python3}" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --editable ".[api,pipeline,postgres,test]"

{
    sed -n '/^#/p' constraints.txt
    "$venv/bin/python" -m pip freeze --exclude-editable | grep '==' | LC_ALL=C sort --ignore-case
} >constraints.new
mv constraints.new constraints.txt
printf '%d packages pinned in constraints.txt\n' "$(grep -c '==' constraints.txt)"
