"""A directory in, a git repository that can be read out; what a person's checkout holds is never written to."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from shipway.model.errors import Refused
from shipway.release.git import Git, GitFailed, Named, is_git_directory
from shipway_agent.record import dataclass, field

UNTOUCHED = "nothing was touched"

_ROW = rb"(40000|100644|100755|120000|160000) ([^\0]+)\0(.{%d})"
_ASKED = ("--absolute-git-dir", "--git-common-dir", "--is-bare-repository")


@dataclass(frozen=True, slots=True)
class Repository:
    """`top` is the checkout's directory, or the repository itself when it is bare; `common` holds objects, refs and modules."""

    top: Path
    directory: Path
    common: Path
    bare: bool
    git: Git
    # What an object id names never changes.
    _roots: dict[str, str] = field(default_factory=dict, repr=False, compare=False)
    _trees: dict[str, list[tuple[str, str, bytes]]] = field(default_factory=dict, repr=False, compare=False)
    _files: dict[str, bytes] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def open(cls, path: Path) -> Repository:
        """The repository whose top is `path`: a checkout, a worktree, or a bare repository. Raises Refused."""
        path = path.resolve()
        checkout = os.path.lexists(path / ".git")
        if not checkout and not is_git_directory(path):
            raise refused("no-repository", f"{path} is not a git repository", "Shipway ships commits: type `git init` there and commit.")
        # A repository that hides among somebody's files would bring its own configuration, so only the one at the top counts.
        git = Git(("-C", str(path)), ("safe.bareRepository=explicit",) if checkout else ())
        try:
            directory, common, bare, *top = _about(git, *_ASKED, *(["--show-toplevel"] if checkout else []))
            if checkout and Path(top[0]) != path:
                raise refused(
                    "repository",
                    f"the repository in {path} says that its checkout is elsewhere (core.worktree)",
                    "Look at `git config -l`.",
                )
        except FileNotFoundError:
            raise refused("no-git", "git is not installed", "Install git 2.30 or newer.") from None
        except GitFailed as error:
            raise _unreadable(path, error) from None
        return cls(path, Path(directory), (path / common).resolve(), bare == "true", git)

    @classmethod
    def module(cls, directory: Path) -> Repository:
        """The repository of a submodule, inside the one that it belongs to: only its objects are read."""
        # Its settings name a checkout that may be gone; git would want to go there.
        return cls(directory, directory, directory, True, Git(("--git-dir", str(directory), "--work-tree", str(directory))))

    def read_file(self, commit: str, path: str) -> bytes:
        """The content of one file at a commit. Raises Refused when it is not there, or is not a plain file."""
        kind, oid = self.find(commit, path)
        if kind in ("100644", "100755", "100664"):
            if oid not in self._files:
                (self._files[oid],) = [blob.content() for blob in self.git.blobs([oid])]
            return self._files[oid]
        hint = f"Write {path} and commit it."
        if kind:
            hint = f"Put a plain file in the place of {path} and commit it."
        elif (self.top / path).is_file():
            hint = f"It is there, but not committed: type `git add {path}` and commit."
        what = "is not in" if not kind else "is not a plain file in"
        raise refused("no-file", f"{path} {what} commit {commit[:12]}", hint)

    def find(self, commit: str, path: str) -> tuple[str, str]:
        """Mode and object of a path at a commit; two empty strings when it is not there. "." is the whole tree."""
        if path == ".":
            root = self._roots.get(commit)
            return "040000", root or self.git.word("rev-parse", "--verify", "--end-of-options", f"{commit}^{{tree}}")
        mode, oid = "040000", self._roots.get(commit, commit)
        for part in path.split("/"):
            if mode != "040000":
                return "", ""
            mode, oid = next(((mode, oid) for mode, oid, name in self.entries(oid) if name == os.fsencode(part)), ("", ""))
        return mode, oid

    def keep(self, commit: str, tree: str, content: bytes | None) -> None:
        """Know the tree of a commit from now on, and what is in it where its object was read along."""
        self._roots[commit] = tree
        entries = _listed(content, len(tree) // 2) if content is not None else None
        if entries is not None:
            self._trees[tree] = entries

    def keep_file(self, file: Named | None) -> None:
        """Know the content of a file from now on, whatever commit has it."""
        if file is not None:
            self._files[file.oid] = file.content

    def entries(self, tree: str) -> list[tuple[str, str, bytes]]:
        """Mode, object and name of what is in a tree, exactly as git has it."""
        if tree not in self._trees:
            self._trees[tree] = [(mode, oid, name) for mode, oid, _, name in self._rows(tree)]
        return self._trees[tree]

    def paths(self, tree: str) -> list[tuple[str, str, bytes]]:
        """Mode, object and path of all that is below a tree but directories, whether the objects are here or not (a partial clone)."""
        return [(mode, oid, path) for mode, oid, _, path in self._rows(tree, "-r")]

    def below(self, tree: str) -> list[tuple[str, str, int | None, bytes]]:
        """Mode, object, size in bytes and path of all that is below a tree but directories; None for an object that is not here."""
        return [(mode, oid, int(size) if size.isdigit() else None, path) for mode, oid, size, path in self._rows(tree, "-r", "-l")]

    def _rows(self, tree: str, *options: str) -> Iterator[tuple[str, str, str, bytes]]:
        for record in self.git.ask("ls-tree", "-z", "--full-tree", *options, tree).split(b"\0")[:-1]:
            facts, _, name = record.partition(b"\t")
            mode, _, oid, *size = facts.decode("ascii").split()
            yield mode, oid, "".join(size), name


def _listed(tree: bytes, id_bytes: int) -> list[tuple[str, str, bytes]] | None:
    """What `ls-tree` says of this object; None for one that is not in today's form, which git is left to read or refuse."""
    rows = list(re.finditer(_ROW % id_bytes, tree, re.DOTALL))
    if sum(len(row[0]) for row in rows) != len(tree):
        return None
    return [(row[1].decode("ascii").zfill(6), row[3].hex(), row[2]) for row in rows]


def _about(git: Git, *questions: str) -> list[str]:
    """What `rev-parse` says to each question: all in one process, or one by one where a path has a line break in it."""
    said = git.word("rev-parse", *questions).split("\n")
    return said if len(said) == len(questions) else [git.word("rev-parse", question) for question in questions]


def refused(code: str, message: str, hint: str, details: tuple[str, ...] = ()) -> Refused:
    """A refusal of this stage: it comes before anything is touched."""
    return Refused(message, state=UNTOUCHED, hint=hint, code=code, details=details)


def _unreadable(path: Path, error: GitFailed) -> Refused:
    if any("dubious ownership" in line for line in error.lines):
        return refused(
            "foreign-repository",
            f"the repository {path} belongs to another user, so its settings could run that user's commands as you",
            f"If you trust it, type: git config --global --add safe.directory {path}",
        )
    return refused("repository", f"git cannot read the repository {path}", "Type `git status` there.", error.lines)
