#!/bin/sh
# Makes the virtual environment and installs ArtPulse with the extras given; called by the Makefile, which keeps
# the stamps that say whether this has to run at all.
#
#   scripts/install.sh .venv api,pipeline
#
# PYTHON names the interpreter; without it the first Python 3.11 or newer on the path is taken.
set -eu
venv=$1
extras=$2

fail() {
    printf '%s\n' "$@" >&2
    exit 1
}

recent_enough() {
    "$1" -c 'import sys; raise SystemExit(sys.version_info < (3, 11))' 2>/dev/null
}

choose_python() {
    for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        if recent_enough "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    found=$("${PYTHON:-python3}" --version 2>/dev/null || true)
    fail "ArtPulse needs Python 3.11 or newer; ${PYTHON:-python3} is: ${found:-missing}." \
        "Install one and name it: make PYTHON=/path/to/python3.12 install"
}

# An environment that was moved or half made is laid anew; a good one is kept.
if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1 || ! recent_enough "$venv/bin/python"; then
    python=$(choose_python)
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        fail "$python cannot make virtual environments because its ensurepip is missing." \
            "On Debian and Ubuntu it comes with a package: apt-get install python$version-venv"
    fi
    printf 'Making %s with Python %s …\n' "$venv" "$version"
    "$python" -m venv --clear "$venv"
fi

printf 'Installing ArtPulse [%s] into %s: about 1.1 GB, one to two minutes the first time …\n' "$extras" "$venv"
started=$(date +%s)
# A user's pip settings for installs outside an environment would break the install into one.
env -u PYTHONPATH PIP_USER=0 PIP_REQUIRE_VIRTUALENV=0 \
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input \
    --constraint constraints.txt --editable ".[$extras]"
printf 'Installed in %d s.\n' $(($(date +%s) - started))
