"""Five words on stdin in; our agent in our place out, where its file lies here whole. Else LACK, and arrive.py is sent after us.

This is the text that every login begins with, so it is short, needs nothing of ours and makes nothing. The words, with a NUL between two:
the agent's hash, root, proxy, the host's name, and `serve`; with `look` it is enough that the agent could be started. Where the agent's
compiled modules lie here too (compiled.py), this process runs them itself: a second interpreter would cost as much as all that follows.
The agent's file stays open, so that /proc shows which agent of which root a session is.
"""

import marshal
import os
import sys
import zlib


def line() -> bytes:
    return b"".join(iter(lambda: os.read(0, 1).strip(b"\n"), b""))


def ours(path: str, above: int, kind: int) -> int:
    fd = os.open(path, kind | os.O_NOFOLLOW * bool(above), dir_fd=above)
    found = os.fstat(fd)
    if found.st_uid != os.geteuid() or found.st_mode & 0o22:
        raise OSError
    return fd


def find(agent: str, root: str) -> int:
    """The folder that the agent's file lies in, open; 0 where the file is not there whole."""
    try:
        from _blake2 import blake2b  # hashlib would load OpenSSL as well

        inside = ours("agent", ours(root, 0, os.O_DIRECTORY), os.O_DIRECTORY)
        fd = ours(agent + ".pyz", inside, os.O_NONBLOCK)
        if blake2b(os.read(fd, 8 << 20), digest_size=32).hexdigest() == agent and sys.version_info >= (3, 9):
            os.utime(fd)  # an agent in use is not pruned
            return inside
    except (ImportError, OSError):
        pass
    return 0


def become(agent: str, inside: int, path: str, words: "list[str]") -> None:
    """Run the compiled modules to the end of this process; back where they are not there whole, or of another Python."""
    from _blake2 import blake2b
    from _frozen_importlib_external import MAGIC_NUMBER

    try:
        fd = ours(agent + "." + str(sys.implementation.cache_tag) + ".modules", inside, os.O_NONBLOCK)
        head = os.read(fd, 40)
        first = os.read(fd, int.from_bytes(head[4:8], "little"))
    except OSError:
        return
    if head[:4] == MAGIC_NUMBER and head[8:] == blake2b(first, digest_size=32).digest():
        loading, index = marshal.loads(first)  # noqa: S302  # compared with its digest, in a folder of this user alone
        exec(loading, globals())  # noqa: S102
        globals()["run"](path, fd, 40 + len(first), index, [*words, "--agent", agent])


if __name__ == "__main__":
    agent, root, proxy, name, do = line().decode().split("\0")
    root, proxy = (os.path.abspath(os.path.expanduser(path)) for path in (root, proxy))
    os.write(1, b"\nSHIPWAY-BOOT 1\n")
    inside = find(agent, root)
    if inside:
        os.write(1, b"HAVE\n")
        if do == "serve":
            path = root + "/agent/" + agent + ".pyz"
            words = [do, "--root", root, "--proxy", proxy, "--name", name]
            become(agent, inside, path, words)
            os.execv(sys.executable, [sys.executable, "-I", "-S", "-X", "utf8", path, *words])  # noqa: S606  # no shell is the point
    else:
        os.write(1, b"LACK\n")
        size = int(line() or 0)
        if size:
            exec(zlib.decompress(b"".join(os.read(0, 1) for _ in range(size))))  # noqa: S102  # arrive.py, of whoever logged in
