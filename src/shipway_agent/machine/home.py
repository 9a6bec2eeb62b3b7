"""The deploying user's account and public keys in; its home, ~/.shipway and authorized_keys as sshd and Shipway need them out.

We are root in a place that somebody else may write to: everything goes through open directories that follow no link, and what was opened
is looked at before it is changed. Lines of others stay as they are.
"""

from __future__ import annotations

import os
import pwd
import re
import stat
from contextlib import contextmanager
from typing import Iterator, List, Optional, Sequence

from shipway_agent.errors import AgentError, Foreign, Missing, naming
from shipway_agent.folder import NEW, write_file
from shipway_agent.machine import programs
from shipway_agent.machine.done import THERE, Done, changed

KEYS = "authorized_keys"
KEY = re.compile(r"(?P<kind>[a-z0-9@.-]+) (?P<blob>[A-Za-z0-9+/]+={0,3})( [^\x00-\x1f\x7f]*)?")
MOST_BYTES = 1 << 20
WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH
SELINUX = "/sys/fs/selinux/enforce"


def have_home(account: pwd.struct_passwd, keys: Sequence[str], apply: bool) -> List[Done]:
    """Three things: home, .shipway and keys, which are lines for authorized_keys. Without `apply` nothing is changed.

    Raises AgentError: foreign, missing, or what the disk has to say.
    """
    done: List[Done] = []
    with _home(account, apply, done) as home:
        if home is None:
            return [*done, *_all_wanted(account, keys)]
        done.append(_folder(home, account, ".shipway", apply, "shipway"))
        done += _keys(home, account, keys, apply)
    if apply and any(one.state != THERE for one in done) and os.path.exists(SELINUX) and programs.find("restorecon"):
        programs.attempt(["restorecon", "-R", f"{account.pw_dir}/.ssh"])
    return done


def wanted(name: str, keys: Sequence[str]) -> List[Done]:
    """What would be made for a user that is not there yet."""
    return [
        changed("home", False, f"a home directory of {name}"),
        changed("shipway", False, f"~{name}/.shipway, for it alone"),
        *(changed("keys", False, _key_says(key, name)) for key in keys),
    ]


def missing_keys(text: str, keys: Sequence[str]) -> List[str]:
    """Those of `keys` that no line of an authorized_keys has, whatever comment or options it has them with. Pure."""
    there = {word for line in text.splitlines() if not line.lstrip().startswith("#") for word in line.split()}
    return [key for key in keys if _blob(key) not in there]


def with_keys(text: str, keys: Sequence[str]) -> str:
    """The text with these lines behind it. Pure."""
    gap = "" if not text or text.endswith("\n") else "\n"
    return text + gap + "".join(f"{key}\n" for key in keys)


@contextmanager
def _home(account: pwd.struct_passwd, apply: bool, done: List[Done]) -> Iterator[Optional[int]]:
    """The home, open; None where it is not there and nothing is applied."""
    path = account.pw_dir
    if not os.path.isdir(path):
        done.append(changed("home", apply, f"{path}, the home of {account.pw_name}"))
        if not apply:
            yield None
            return
        with naming(path):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            os.mkdir(path, 0o700)
            os.chown(path, account.pw_uid, account.pw_gid, follow_symlinks=False)
    with naming(path):
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        done += _owned(fd, path, account, apply, "home", 0o755)
        if not done:
            done.append(Done("home", THERE, f"{path} is its home"))
        yield fd
    finally:
        os.close(fd)


def _folder(home: int, account: pwd.struct_passwd, name: str, apply: bool, thing: str) -> Done:
    path = f"{account.pw_dir}/{name}"
    with naming(path):
        made = _make_folder(home, name, account) if apply else not _is_there(home, name)
    if made and not apply:
        return changed(thing, False, f"{path}, for it alone")
    with _opened(home, name, path) as fd:
        fixed = _owned(fd, path, account, apply, thing, 0o700)
    if made:
        return changed(thing, True, f"{path}, for it alone")
    return fixed[0] if fixed else Done(thing, THERE, f"{path} is its own")


def _keys(home: int, account: pwd.struct_passwd, keys: Sequence[str], apply: bool) -> List[Done]:
    name, path = account.pw_name, f"{account.pw_dir}/.ssh"
    if not apply and not _is_there(home, ".ssh"):
        return [changed("keys", False, _key_says(key, name)) for key in keys]
    if apply:
        with naming(path):
            _make_folder(home, ".ssh", account)
    with _opened(home, ".ssh", path) as fd:
        done = _owned(fd, path, account, apply, "keys", 0o700)
        text, mode = _read(fd, f"{path}/{KEYS}", account)
        lacking = missing_keys(text, keys)
        if lacking and apply:
            _write(fd, f"{path}/{KEYS}", with_keys(text, lacking), mode & ~WRITABLE_BY_OTHERS, account)
        elif mode & WRITABLE_BY_OTHERS:
            done.append(changed("keys", apply, f"{path}/{KEYS} is writable by its owner alone, or sshd would not read it"))
            if apply:
                _write(fd, f"{path}/{KEYS}", text, mode & ~WRITABLE_BY_OTHERS, account)
    done += [changed("keys", apply, _key_says(key, name)) for key in lacking]
    return done or [Done("keys", THERE, f"{len(keys)} {'key' if len(keys) == 1 else 'keys'} of yours may log in as {name}")]


def _owned(fd: int, path: str, account: pwd.struct_passwd, apply: bool, thing: str, mode: int) -> List[Done]:
    """The directory belongs to the user, and nobody else writes to it. Raises Foreign where it is another user's."""
    found = os.fstat(fd)
    done: List[Done] = []
    with naming(path):
        if found.st_uid not in (account.pw_uid, 0):
            raise Foreign(path, f"belongs to user {found.st_uid}, not to {account.pw_name}")
        if found.st_uid != account.pw_uid:
            done.append(changed(thing, apply, f"{path} belongs to {account.pw_name}"))
            if apply:
                os.fchown(fd, account.pw_uid, account.pw_gid)
                os.fchmod(fd, mode)
        elif found.st_mode & WRITABLE_BY_OTHERS:
            done.append(changed(thing, apply, f"{path} is writable by its owner alone"))
            if apply:
                os.fchmod(fd, stat.S_IMODE(found.st_mode) & ~WRITABLE_BY_OTHERS)
    return done


def _make_folder(parent: int, name: str, account: pwd.struct_passwd) -> bool:
    """Made, open to its owner alone; False where something is there."""
    try:
        os.mkdir(name, 0o700, dir_fd=parent)
    except FileExistsError:
        return False
    fd = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        if os.fstat(fd).st_uid == os.geteuid():
            os.fchown(fd, account.pw_uid, account.pw_gid)
        os.fsync(parent)
    finally:
        os.close(fd)
    return True


@contextmanager
def _opened(parent: int, name: str, path: str) -> Iterator[int]:
    with naming(path):
        fd = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        yield fd
    finally:
        os.close(fd)


def _read(folder: int, path: str, account: pwd.struct_passwd) -> tuple[str, int]:
    """Text and mode of authorized_keys; empty and 0600 where there is none. What is no plain file of the user's is refused."""
    try:
        with naming(path):
            # Not blocking: a named pipe that somebody put here must not hold us.
            fd = os.open(KEYS, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except Missing:
        return "", 0o600
    with os.fdopen(fd, "rb") as file:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode) or found.st_uid not in (account.pw_uid, 0):
            raise Foreign(path, "is not a file of this user")
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise AgentError("too-long", f"{path} is longer than {MOST_BYTES} bytes", path=path)
    return data.decode("utf-8", "surrogateescape"), stat.S_IMODE(found.st_mode)


def _write(folder: int, path: str, text: str, mode: int, account: pwd.struct_passwd) -> None:
    """Whole or not at all: written aside, given to the user, renamed."""
    aside = NEW + os.urandom(8).hex()
    with naming(path):
        try:
            write_file(folder, aside, text.encode("utf-8", "surrogateescape"), mode)
            os.chown(aside, account.pw_uid, account.pw_gid, dir_fd=folder, follow_symlinks=False)
            os.rename(aside, KEYS, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            try:
                os.unlink(aside, dir_fd=folder)
            except OSError:
                pass  # the fault that brought us here is the one to tell
            raise
        os.fsync(folder)


def _is_there(parent: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _all_wanted(account: pwd.struct_passwd, keys: Sequence[str]) -> List[Done]:
    return wanted(account.pw_name, keys)[1:]


def _key_says(key: str, name: str) -> str:
    found = KEY.fullmatch(key)
    comment = (found[3] or "").strip() if found else ""
    return f"{found['kind'] if found else 'a key'}{f' of {comment}' if comment else ''} may log in as {name}"


def _blob(key: str) -> str:
    return key.split()[1]
