#!/bin/sh
# Brings what tests need from Debian, only what is missing and only as root; without root the tests that need it are skipped by name.
set -eu
[ "$(id -u)" = 0 ] || exit 0
missing=""
needs() { command -v "$1" >/dev/null 2>&1 || missing="$missing $2"; } # COMMAND PACKAGE
needs /usr/sbin/sshd openssh-server
needs ssh openssh-client
needs ip iproute2
needs nft nftables
needs strace strace
needs gcc "gcc libc6-dev"
needs ps procps
needs /usr/sbin/cron cron
needs setpriv util-linux
needs git git
needs /usr/bin/python3 python3
needs faketime faketime
needs mmdebstrap mmdebstrap
needs sudo sudo
needs chromium chromium
needs bash bash
[ -n "$(ls /usr/lib/postgresql/*/bin/initdb 2>/dev/null)" ] || missing="$missing postgresql"
needs zsh zsh
needs fish fish
[ -n "$missing" ] || exit 0
command -v apt-get >/dev/null 2>&1 || {
    echo "tests/machine.sh: not installed:$missing; no apt-get here, so please install them. Tests that need them will be skipped." >&2
    exit 0
}
echo "bin/test: installing$missing" >&2
# No service may start on this machine because a test wants its program.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod +x $policy
    trap 'rm -f $policy' EXIT
fi
install() {
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null 2>&1
}
install || { apt-get update -qq >/dev/null 2>&1 && install; } || {
    echo "tests/machine.sh: apt-get could not install$missing; tests that need them will be skipped. Try: apt-get update && apt-get install$missing" >&2
}
