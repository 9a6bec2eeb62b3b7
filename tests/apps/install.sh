#!/bin/sh
# Brings the applications of requirements/apps.txt, by hash, into one environment of Debian's python3 that test hosts can see,
# and their wheels beside it: DIRECTORY/venv and DIRECTORY/wheels. The frameworks whose migrations are tested come likewise, into
# DIRECTORY/frameworks and DIRECTORY/older. Each is stamped: a second run costs nothing. Prints DIRECTORY with --print.
set -eu
cd "$(dirname "$0")/../.."
if [ "$(id -u)" = 0 ]; then directory=/opt/shipway-test; else directory=${XDG_CACHE_HOME:-$HOME/.cache}/shipway-test; fi
[ "${1:-}" = "--print" ] && { echo "$directory"; exit 0; }
python=/usr/bin/python3
[ -x $python ] || python=python3

bring() { # NAME PLACE
    wanted="$(cat "requirements/$1.txt" tests/apps/install.sh | cksum) $($python --version)"
    [ "$(cat "$2/stamp" 2>/dev/null || true)" = "$wanted" ] && return
    echo "bin/test: installing requirements/$1.txt into $2" >&2
    mkdir -p "$2"
    exec 9>"$2/lock"
    flock 9
    [ "$(cat "$2/stamp" 2>/dev/null || true)" = "$wanted" ] && return
    rm -rf "$2/venv" "$2/wheels"
    # Debian splits ensurepip off into a package of its own; the checkout's pip does the work instead.
    $python -m venv --without-pip "$2/venv"
    place=$2
    pip() { .venv/bin/python -m pip --python "$place/venv/bin/python" --disable-pip-version-check --quiet --quiet "$@"; }
    pip download --no-deps --require-hashes --only-binary :all: -r "requirements/$1.txt" -d "$2/wheels"
    pip install --no-deps --no-index --find-links "$2/wheels" --require-hashes -r "requirements/$1.txt"
    chmod -R a+rX "$2"
    echo "$wanted" >"$2/stamp"
}

bring apps "$directory"
bring frameworks "$directory/frameworks"
bring older "$directory/older"
