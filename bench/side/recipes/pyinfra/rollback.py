"""pyinfra: the release before the one that is current."""

import os

from pyinfra.operations import server

APP = os.environ["BENCH_APP"]
BEFORE = f'cd {APP}/releases && now=$(basename $(readlink ../current)) && before=$(ls | sed -n "/^$now\\$/q;p" | tail -1)'

server.shell(
    name="switch",
    commands=[f'{BEFORE} && test -n "$before" && ln -s {APP}/releases/$before ../current.new && mv -T ../current.new ../current'],
)
server.shell(name="restart", commands=[os.environ["BENCH_RESTART"]])
