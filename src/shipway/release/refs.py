"""What a person calls a commit in, the commit's object id and facts out: resolved once, so that a ref may move afterwards."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from shipway.model.errors import WrongInput
from shipway.model.release import Source
from shipway.release.git import GitFailed, Named
from shipway.release.source import UNTOUCHED, Repository

_PLAIN = re.compile(r"[^\x00-\x20\x7f~^:?*\[\\{}]+")
_STEPS = re.compile(r"(?:~\d{0,9}|\^\d{0,4})*")
_HEX = re.compile(r"[0-9a-f]{4,40}|[0-9a-f]{64}")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/+-]{0,99}")


def resolve_ref(repository: Repository, ref: str, *, beside: str = "") -> Source:
    """The commit that `ref` names now: a branch, a tag, a commit id, or one of those with ~N or ^N after it.

    `beside` is a file of the commit that is read next: its content comes along.

    Raises WrongInput for what is not such a name, names nothing, or names more than one commit.
    """
    name, steps = _checked(ref)
    asked = [f"{name}{steps}^{{commit}}", *(f"{full}^{{commit}}" for full in _all_full(name)), f"{name}{steps}^{{tree}}"]
    along = [f"{name}{steps}:{beside}"] if beside and not set(beside) & {" ", "\n"} else []
    answers = repository.git.named(*asked, *along)
    found = answers[0] if answers else None
    if found is None:
        raise _unknown(repository, ref, name)
    commits = {other.oid for other in answers[1:4] if other}
    if len(answers) < len(asked) or len(commits) > 1 or (commits and _HEX.fullmatch(name)):
        _refuse_twins(repository, ref, name)
    source = _source(found, ref)
    tree = answers[4] if len(answers) > 4 else None  # another's, where the ref has moved meanwhile
    for file in answers[5:]:
        repository.keep_file(file)
    repository.keep(source.commit, source.tree, tree.content if tree and tree.oid == source.tree else None)
    return source


def version_of(repository: Repository, commit: str) -> str:
    """A short name for people: the nearest tag and how far it is, or the start of the id. Not part of any digest."""
    try:
        version = repository.git.word("describe", "--tags", "--always", "--abbrev=10", commit)
    except GitFailed:
        version = ""
    return version if _VERSION.fullmatch(version) else commit[:10]


def _checked(ref: str) -> tuple[str, str]:
    found = _PLAIN.match(ref)
    name = found.group() if found else ""
    steps = ref[len(name) :]
    if ref.startswith("-"):
        raise _wrong(ref, "starts with a dash, as an option does")
    if ".." in name:
        raise _wrong(ref, "names a range, and one commit is shipped")
    if "@{" in ref:
        raise _wrong(ref, "depends on what this checkout did before, and another would ship another commit")
    if not name or len(ref) > 250 or not _STEPS.fullmatch(steps) or name.startswith("/") or name.endswith(("/", ".lock")) or "//" in name:
        raise _wrong(ref, "is not the name of a branch, a tag or a commit")
    return name, steps


def _source(commit: Named, ref: str) -> Source:
    """The facts of a commit, from the object itself: no configuration changes what it says."""
    head, _, message = commit.content.partition(b"\n\n")
    fields: dict[bytes, bytes] = {}
    for line in head.split(b"\n"):
        key, _, value = line.partition(b" ")
        fields.setdefault(key, value)
    encoding = fields.get(b"encoding", b"utf-8").decode("ascii", "replace")
    author = re.sub(r" <.*", "", _text(fields.get(b"author", b""), encoding))
    subject = " ".join(_text(message.lstrip(b"\n").partition(b"\n\n")[0], encoding).split())
    return Source(commit.oid, fields[b"tree"].decode("ascii"), ref, subject[:200], author[:200], _time(fields.get(b"committer", b"")))


def _all_full(name: str) -> list[str]:
    return [f"refs/{kind}/{name}" for kind in ("tags", "heads", "remotes")]


def _commit(repository: Repository, name: str) -> str | None:
    code, out = repository.git.run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}", answers=(0, 1, 128))
    found = out.decode("ascii", "replace").strip()
    return found if code == 0 and _HEX.fullmatch(found) else None


def _refuse_twins(repository: Repository, ref: str, name: str) -> None:
    """A name that is a tag, a branch or an id at once is refused when those are different commits: git would choose by its own order."""
    all_full = _all_full(name)
    there = repository.git.word("for-each-ref", "--format=%(refname)", *all_full).split("\n")  # with what is below such a name
    if len(there := [full for full in all_full if full in there]) < 2 and not _HEX.fullmatch(name):
        return
    meant = {full: _commit(repository, full) for full in there}
    commits = {full: commit for full, commit in meant.items() if commit}
    if commits and _HEX.fullmatch(name):
        by_id = repository.git.run("rev-parse", "--quiet", f"--disambiguate={name}")[1].decode("ascii").split()
        commits |= {oid: oid for oid in by_id if _commit(repository, oid) == oid}
    if len(set(commits.values())) > 1:
        said = " and ".join(f"{full} ({commit[:12]})" for full, commit in commits.items())
        raise _wrong(ref, f"names more than one commit: {said}", f"Write one of them in full: --ref {next(iter(commits))}")


def _unknown(repository: Repository, ref: str, name: str) -> WrongInput:
    listed = repository.git.word("for-each-ref", "--format=%(refname)", "refs/heads", "refs/tags", "refs/remotes").split("\n")
    known = {re.sub(r"^refs/(heads|tags|remotes)/", "", full) for full in listed if full}
    if not known and name == "HEAD":
        return _wrong(ref, "names nothing: there is no commit yet", "Commit first: `git add` and `git commit`.")
    from difflib import get_close_matches  # only who is wrong needs it

    far = sorted(one for one in known if one.endswith(f"/{name}"))
    near = far or get_close_matches(name, sorted(known), n=1)
    hint = f"Did you mean {near[0]}?" if near else "Type `git fetch` if it is new, and `git branch -a` or `git tag` to see what is there."
    return _wrong(ref, "names no commit in this repository", hint)


def _wrong(ref: str, why: str, hint: str = "Name a branch, a tag or a commit: --ref main") -> WrongInput:
    return WrongInput(f"--ref {ref[:80]!a} {why}", state=UNTOUCHED, hint=hint, code="ref")


def _text(value: bytes, encoding: str) -> str:
    try:
        text = value.decode(encoding, "replace")
    except LookupError:
        text = value.decode("utf-8", "replace")
    return "".join(char if char.isprintable() or char in "\n\t" else "\ufffd" for char in text)


def _time(committer: bytes) -> str:
    """ISO 8601 in UTC; empty for a time that no calendar has."""
    found = re.search(rb"> (\d{1,12}) [+-]\d+$", committer)
    try:
        return datetime.fromtimestamp(int(found[1]), UTC).isoformat() if found else ""
    except (ValueError, OverflowError):
        return ""
