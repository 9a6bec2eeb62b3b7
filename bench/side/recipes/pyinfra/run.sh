#!/bin/sh
# deploy | rollback
set -e
BENCH_RELEASE=$(date +%Y%m%d%H%M%S)
export BENCH_RELEASE
exec pyinfra -y inventory.py "$1.py"
