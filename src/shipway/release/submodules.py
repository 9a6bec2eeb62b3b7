"""A submodule's path and commit in, the repository that holds it out: one that is on this machine already, or none."""

from __future__ import annotations

import os
from pathlib import Path

from shipway.model.errors import Refused
from shipway.release.git import GitFailed
from shipway.release.source import Repository


def module_names(repository: Repository, commit: str) -> dict[bytes, str]:
    """The submodules that a commit declares: path to name."""
    mode, oid = repository.find(commit, ".gitmodules")
    if mode not in ("100644", "100755"):
        return {}
    code, out = repository.git.run(
        "config", f"--blob={oid}", "--no-includes", "-z", "--get-regexp", r"^submodule\..*\.path$", answers=(0, 1, 128)
    )
    names: dict[bytes, str] = {}
    for record in out.split(b"\0")[:-1] if code == 0 else ():
        key, _, path = record.partition(b"\n")
        names[path] = os.fsdecode(key.removeprefix(b"submodule.").removesuffix(b".path"))
    return names


def find_module(repository: Repository, name: str | None, path: bytes, commit: str) -> Repository | None:
    """The repository on this machine that holds the submodule's commit."""
    places: list[Path] = []
    if name and not name.startswith(("/", "-")) and ".." not in name.split("/"):
        places = [repository.directory / "modules" / name, repository.common / "modules" / name]
    found = [Repository.module(place) for place in places if (place / "objects").is_dir()]
    if not repository.bare and os.path.lexists(repository.top / os.fsdecode(path) / ".git"):
        try:
            found.append(Repository.open(repository.top / os.fsdecode(path)))
        except Refused:
            pass  # a checkout that cannot be read is no place to find the commit
    return next((module for module in found if _holds(module, commit)), None)


def _holds(module: Repository, commit: str) -> bool:
    try:
        return module.git.run("cat-file", "-e", f"{commit}^{{commit}}", answers=(0, 1, 128))[0] == 0
    except GitFailed:
        return False
