"""An archive whose digest was verified and an empty directory in, its tree out: only what lies below one directory, through no link.

Nothing of an archive is taken at its word: names, kinds, sizes and links are looked at before they are made, and whatever a release
could not ship is refused.
"""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from shipway.model.release import Entry, ToolTree
from shipway.release.content import digest_of
from shipway.release.links import stray
from shipway.release.toolchain.fetch import not_to_be_had
from shipway_agent import manifest

MOST_BYTES = 3_000_000_000
MOST_ENTRIES = 200_000
CHUNK_BYTES = 1 << 20


def unpack(archive: Path, directory: Path) -> tuple[Entry, ...]:
    """Write the files and links of the archive below `directory`, without the one directory that holds them all there.

    Raises Refused (code "toolchain") for an archive that is none, for a path that would leave the directory, lies below a link or a file,
    or is there twice, for devices and the like, for links that lead out, and for more than 3 GB or 200,000 paths.
    """
    entries: dict[str, Entry] = {}
    size = 0
    try:
        with tarfile.open(archive, "r:*") as tar:
            for member in tar:
                path = _path_of(member.name)
                if not path or member.isdir():
                    continue
                size += member.size
                if size > MOST_BYTES or len(entries) > MOST_ENTRIES:
                    raise _odd(archive, member.name, "is more than a tool can have")
                _refuse_clash(archive, path, entries)
                entries[path] = _made(archive, tar, member, path, directory, entries)
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        raise not_to_be_had(f"{archive.name} cannot be unpacked: {error}", "the same command again") from None
    for entry, why in stray(entries.values()):
        raise _odd(archive, entry.path, f"is a link to {entry.target!r}, which {why}")
    return tuple(sorted(entries.values(), key=lambda entry: os.fsencode(entry.path)))


def read_again(directory: Path, listed: bytes) -> Iterator[tuple[Entry, Path]]:
    """The files of an earlier unpacking and where they are. Raises AgentError for a list that is none."""
    for entry in manifest.read(listed):
        path = os.fsdecode(entry.path)
        kind = "executable" if entry.executable else "link" if entry.kind == manifest.LINK else "file"
        yield Entry(path, kind, entry.digest, entry.size, os.fsdecode(entry.target)), directory / path  # type: ignore[arg-type]


def tree_of(name: str, version: str, platform: str, listed: bytes, directory: Path) -> ToolTree:
    """The tool that lies in `directory`, as its list says."""
    found = list(read_again(directory, listed))
    blobs = {entry.digest: str(path) for entry, path in found if entry.digest}
    return ToolTree(name, version, platform, manifest.digest(listed), tuple(entry for entry, _ in found), blobs)


def _path_of(name: str) -> str:
    """The path below the one directory that everything is in; empty for that directory."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or ".." in parts or "\0" in name:
        raise ValueError(f"{name!r} would leave its directory")
    return "/".join(parts[1:])


def _refuse_clash(archive: Path, path: str, entries: dict[str, Entry]) -> None:
    if path in entries:
        raise _odd(archive, path, "is there twice")
    parts = path.split("/")
    for count in range(1, len(parts)):
        if "/".join(parts[:count]) in entries:
            raise _odd(archive, path, f"lies below {'/'.join(parts[:count])}, which is no directory")


def _made(archive: Path, tar: tarfile.TarFile, member: tarfile.TarInfo, path: str, directory: Path, entries: dict[str, Entry]) -> Entry:
    if member.issym():
        return _link(path, member.linkname, directory)
    if member.islnk():  # another name of a file that came before
        known = entries.get(_path_of(member.linkname))
        if known is None or not known.digest:
            raise _odd(archive, member.name, f"is another name of {member.linkname!r}, which is no file of it")
        with (directory / known.path).open("rb") as content:
            return _file(content, path, known.kind == "executable", directory)
    if not member.isreg():
        raise _odd(archive, member.name, "is neither a file, a directory nor a link")
    source = tar.extractfile(member)
    assert source is not None, "a regular file has content"
    with source as content:
        return _file(content, path, bool(member.mode & 0o100), directory)


def _file(content: IO[bytes], path: str, executable: bool, directory: Path) -> Entry:
    place = directory / path
    place.parent.mkdir(parents=True, exist_ok=True)
    fd = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o755 if executable else 0o644)
    size = 0

    def chunks() -> Iterator[bytes]:
        nonlocal size
        with os.fdopen(fd, "wb") as file:
            while chunk := content.read(CHUNK_BYTES):
                size += len(chunk)
                file.write(chunk)
                yield chunk

    digest = digest_of(chunks())
    return Entry(path, "executable" if executable else "file", digest, size)


def _link(path: str, target: str, directory: Path) -> Entry:
    place = directory / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(target)
    return Entry(path, "link", target=target)


def _odd(archive: Path, name: str, why: str) -> Exception:
    return not_to_be_had(f"{archive.name} is refused: {name!r} {why}", "set another `mirror` of the tool in shipway.toml and commit")
