"""pyinfra: hosts pull from git, then operation after operation on all of them."""

import os

from pyinfra.operations import files, git, server

APP = os.environ["BENCH_APP"]
RELEASE = f"{APP}/releases/{os.environ['BENCH_RELEASE']}"

files.directory(name="releases", path=f"{APP}/releases")
files.directory(name="shared", path=f"{APP}/shared/uploads")
git.repo(name="repository", src=os.environ["BENCH_ORIGIN"], dest=f"{APP}/repo", branch=os.environ["BENCH_VERSION"])
server.shell(name="release", commands=[f"mkdir {RELEASE} && git -C {APP}/repo archive HEAD | tar -x -C {RELEASE}"])
server.shell(name="link", commands=[f"ln -s {APP}/shared/uploads {RELEASE}/uploads"])
server.shell(name="install", commands=[f"cd {RELEASE} && {os.environ['BENCH_INSTALL']}"])
server.shell(name="migrate", commands=[f"cd {RELEASE} && {os.environ['BENCH_MIGRATE']}"], _run_once=True)
server.shell(name="collect", commands=[f"cd {RELEASE} && {os.environ['BENCH_COLLECT']}"])
server.shell(name="switch", commands=[f"cd {APP} && ln -sfn {RELEASE} current.new && mv -T current.new current"])
server.shell(name="restart", commands=[os.environ["BENCH_RESTART"]])
server.shell(name="old releases", commands=[f"cd {APP}/releases && ls | head -n -5 | xargs -r rm -rf"])
