"""Fabric: a tar.gz is put on all hosts at once, then step after step."""

from __future__ import annotations

import os
import time
from typing import Any

from fabric import ThreadingGroup, task

HOSTS = os.environ["BENCH_HOSTS"].split()
APP = os.environ["BENCH_APP"]
SWITCH = f"ln -sfn {APP}/releases/{{}} {APP}/current.new && mv -T {APP}/current.new {APP}/current"


@task
def deploy(local: Any) -> None:
    hosts = ThreadingGroup(*HOSTS)
    release = time.strftime("%Y%m%d%H%M%S", time.gmtime())
    place, archive = f"{APP}/releases/{release}", f"{os.environ['BENCH_PLACE']}/{release}.tar.gz"
    local.run(f"git -C {os.environ['BENCH_REPOSITORY']} archive {os.environ['BENCH_VERSION']} | gzip -1 >{archive}")
    hosts.run(f"mkdir -p {place} {APP}/shared/uploads", hide=True)
    hosts.put(archive, remote=f"{APP}/{release}.tar.gz")
    hosts.run(f"tar -xzf {APP}/{release}.tar.gz -C {place} && rm {APP}/{release}.tar.gz", hide=True)
    hosts.run(f"ln -s {APP}/shared/uploads {place}/uploads", hide=True)
    hosts.run(f"cd {place} && {os.environ['BENCH_INSTALL']}", hide=True)
    hosts[0].run(f"cd {place} && {os.environ['BENCH_MIGRATE']}", hide=True)
    hosts.run(f"cd {place} && {os.environ['BENCH_COLLECT']}", hide=True)
    hosts.run(SWITCH.format(release), hide=True)
    hosts.run(os.environ["BENCH_RESTART"], hide=True)
    hosts.run(f"cd {APP}/releases && ls | head -n -5 | xargs -r rm -rf", hide=True)
    hosts.close()


@task
def rollback(local: Any) -> None:
    hosts = ThreadingGroup(*HOSTS)
    before = f'cd {APP}/releases && now=$(basename $(readlink ../current)) && before=$(ls | sed -n "/^$now\\$/q;p" | tail -1)'
    hosts.run(f'{before} && test -n "$before" && {SWITCH.format("$before")}', hide=True)
    hosts.run(os.environ["BENCH_RESTART"], hide=True)
    hosts.close()
