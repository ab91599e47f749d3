#!/usr/bin/env bash
# Makes, once, a virtual environment with what requirements.txt names, and prints its interpreter.
# Exit codes: 2 something is missing on this machine, 3 the packages cannot be installed.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
say() { echo "venv.sh: $*" >&2; }
if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
    say "python3 with venv is missing; run deploy/packages.sh test"
    exit 2
fi
cache=${INTERDICT_CACHE:-$HOME/.cache/interdict}/python
venv=$cache/$(cat "$here/requirements.txt" <(python3 --version) | cksum | cut -d" " -f1)
mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
if [ ! -e "$venv/complete" ]; then
    rm -rf "$venv"
    python3 -m venv "$venv"
    if ! "$venv/bin/pip" install -q --disable-pip-version-check -r "$here/requirements.txt" >"$cache/pip.log" 2>&1; then
        tail -20 "$cache/pip.log" >&2
        say "pip cannot install the packages; is PyPI, or the mirror that pip is set up with, reachable?"
        exit 3
    fi
    touch "$venv/complete"
fi
echo "$venv/bin/python"
