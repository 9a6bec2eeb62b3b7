#!/bin/sh
# Brings the applications of requirements/apps.txt, by hash, into one environment of Debian's python3 that test hosts can see,
# and their wheels beside it: DIRECTORY/venv and DIRECTORY/wheels. Stamped: a second run costs nothing. Prints DIRECTORY with --print.
set -eu
cd "$(dirname "$0")/../.."
if [ "$(id -u)" = 0 ]; then directory=/opt/shipway-test; else directory=${XDG_CACHE_HOME:-$HOME/.cache}/shipway-test; fi
[ "${1:-}" = "--print" ] && { echo "$directory"; exit 0; }
python=/usr/bin/python3
[ -x $python ] || python=python3
wanted="$(cat requirements/apps.txt tests/apps/install.sh | cksum) $($python --version)"
[ "$(cat "$directory/stamp" 2>/dev/null || true)" = "$wanted" ] && exit 0
echo "bin/test: installing the real applications into $directory" >&2
mkdir -p "$directory"
exec 9>"$directory/lock"
flock 9
[ "$(cat "$directory/stamp" 2>/dev/null || true)" = "$wanted" ] && exit 0
rm -rf "$directory/venv" "$directory/wheels"
# Debian splits ensurepip off into a package of its own; the checkout's pip does the work instead.
$python -m venv --without-pip "$directory/venv"
pip() { .venv/bin/python -m pip --python "$directory/venv/bin/python" --disable-pip-version-check --quiet --quiet "$@"; }
pip download --no-deps --require-hashes --only-binary :all: -r requirements/apps.txt -d "$directory/wheels"
pip install --no-deps --no-index --find-links "$directory/wheels" --require-hashes -r requirements/apps.txt
chmod -R a+rX "$directory"
echo "$wanted" >"$directory/stamp"
