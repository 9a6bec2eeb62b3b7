#!/bin/sh
# deploy | rollback: all hosts at once.
set -e
playbook=$1.yml
# shellcheck disable=SC2086
set -- $BENCH_HOSTS
hosts=$(printf '%s,' "$@")
BENCH_RELEASE=$(date +%Y%m%d%H%M%S)
export BENCH_RELEASE
exec ansible-playbook -i "$hosts" -f "$#" "$playbook"
