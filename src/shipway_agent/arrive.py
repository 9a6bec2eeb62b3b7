"""One line of text on stdin in; the agent's file stored, checked and running in our place out.

It is sent as text ahead of the agent, so it imports nothing of ours and runs on Python 3.6 to say that this is too old. The line is the
agent's hash, root, proxy and the host's name, with a NUL between two. The answer is the mark, then HAVE; or LACK, how the file may be
packed, and the address that this login came to; or NO with a code and a reason. Behind LACK a line says where the file is. SIZE: it
follows; SIZE TOKEN MOST: and so many others get it from here (GIVES and a port is answered). FROM PORT TOKEN ADDRESS…: another host has
it; HAVE is answered, or LACK once more. Between hosts it is deflated in a hurry: bytes cost little there, and bz2 takes 30 times as long to
unpack.
"""

import os
import stat
import sys
import zlib

try:
    from _blake2 import blake2b  # hashlib loads OpenSSL as well
except ImportError:
    from hashlib import blake2b

MARK = "SHIPWAY-BOOT 1"
FROM = "FROM"
OLDEST = (3, 9)
LARGEST_AGENT = 8 << 20
FETCH_SECONDS = 4.0
GIVE_SECONDS = 20.0
MOST_CALLERS = 64


class No(Exception):
    """A reason why the agent cannot run here: a code, and words for people."""

    def __init__(self, code: str, words: str) -> None:
        Exception.__init__(self, words)
        self.code = code


def arrive() -> "tuple[str, str, list[str]]":
    """Store the agent; which Python is to run it, its path, and the words of its command line. Raises No."""
    say(f"\n{MARK}")
    wanted, root, proxy, host = read_line().split("\0")
    interpreter = newest_python()
    root, proxy = home_path(root), home_path(proxy)
    path = f"{root}/agent/{wanted}.pyz"
    inside = open_folder(root)
    name = os.path.basename(path)
    if is_present(inside, name, wanted):
        say("HAVE")
    else:
        lack = f"LACK {packing()} {[*os.environ.get('SSH_CONNECTION', '').split(), '', '', ''][2]}"
        say(lack)
        order = read_line().split(" ")
        data = b""
        if order[0] == FROM:
            data = fetched(int(order[1]), order[2], order[3:], wanted)
            if not data:
                say(lack)
                order = read_line().split(" ")
        if not data:
            data = unpacked(read_exactly(min(int(order[0]), LARGEST_AGENT)), packing())
        if digest(data) != wanted:
            raise No("cut", "what arrived is not the agent that was sent")
        store(inside, name, data, path)
        if order[0] == FROM:
            say("HAVE")
        elif len(order) == 3:
            say(f"GIVES {give(zlib.compress(data, 1), order[1], int(order[2]))}")
    os.close(inside)
    return interpreter, path, ["serve", "--root", root, "--proxy", proxy, "--name", host, "--agent", wanted]


def become(interpreter: str, path: str, words: "list[str]") -> None:
    """Run the agent to the end of this process: here, as a second interpreter would cost as much as all this, or in the newer one."""
    if interpreter != sys.executable:
        os.execv(interpreter, [interpreter, "-I", "-S", "-X", "utf8", path, *words])  # noqa: S606  # no shell is the point
    from zipimport import zipimporter

    os.open(path, os.O_RDONLY)  # so that /proc shows which agent of which root a session is
    sys.argv = [path, *words]
    sys.path.insert(0, path)
    exec(zipimporter(path).get_code("__main__"), {"__name__": "__main__"})  # noqa: S102  # the agent, compared with its hash


def say(words: str) -> None:
    """One line to the operator."""
    os.write(1, f"{words}\n".encode("utf-8", "replace"))


def read_exactly(size: int) -> bytes:
    """`size` bytes of stdin, and not one of what follows for the agent."""
    parts = []
    while size > 0:
        part = os.read(0, min(size, 1 << 16))
        if not part:
            raise No("cut", "the channel ended before the agent had arrived")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def packing() -> str:
    """The better of two modules that unpack, where this Python was built with it."""
    try:
        __import__("bz2")
    except ImportError:
        return "zlib"
    return "bz2"


def unpacked(data: bytes, how: str) -> bytes:
    """What was packed, no more of it than an agent can be; nothing where it is damaged."""
    try:
        if how == "zlib":
            return zlib.decompressobj().decompress(data, LARGEST_AGENT)
        from bz2 import BZ2Decompressor

        return BZ2Decompressor().decompress(data, LARGEST_AGENT)
    except (OSError, zlib.error):
        return b""


def fetched(port: int, token: str, addresses: "list[str]", wanted: str) -> bytes:
    """The agent from another host, nothing where that does not give it, gives something else, or takes too long."""
    import socket
    import time

    until = time.monotonic() + FETCH_SECONDS
    for address in addresses:
        try:
            with socket.create_connection((address, port), FETCH_SECONDS / 2) as line:
                line.sendall(token.encode())
                parts, size = [b""], 0
                while size <= LARGEST_AGENT and time.monotonic() < until:
                    parts.append(line.recv(1 << 16))
                    size += len(parts[-1])
                    if not parts[-1]:
                        break
        except (OSError, ValueError):
            continue
        data = unpacked(b"".join(parts), "zlib")
        if digest(data) == wanted:
            return data
    return b""


def give(packed: bytes, token: str, most: int) -> int:
    """Let so many others who say the token have it, for some seconds and as long as the login lasts: the port, 0 where that cannot be.

    A process of its own does it, for this one becomes the agent; it has nothing of the login but its number.
    """
    import socket

    listener = None
    for family in (socket.AF_INET6, socket.AF_INET):
        try:
            listener = socket.socket(family, socket.SOCK_STREAM)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            listener.bind(("", 0))
            listener.listen(64)
            break
        except OSError:
            listener = None
    if listener is None:
        return 0
    login, child = os.getpid(), os.fork()
    if child:
        os.waitpid(child, 0)  # it has left its own child to init: the agent need not know of it
        port = listener.getsockname()[1]
        listener.close()
        return int(port)
    try:
        os.setsid()
        if os.fork() == 0:
            null = os.open(os.devnull, os.O_RDWR)
            for number in range(3):
                os.dup2(null, number)
            give_each(listener, packed, token.encode(), most, login)
    finally:
        os._exit(0)


def give_each(listener, packed: bytes, token: bytes, most: int, login: int) -> None:  # type: ignore[no-untyped-def]  # its module comes late
    """Give to `most` callers, each in a thread; longer than the login `login` lasts to none."""
    import threading
    import time

    left = [most]

    def answer(line) -> None:  # type: ignore[no-untyped-def]  # as above
        try:
            with line:
                line.settimeout(FETCH_SECONDS / 2)
                said = b""
                while len(said) < len(token):
                    part = line.recv(len(token) - len(said))
                    if not part:
                        return
                    said += part
                if said == token and left[0] > 0:
                    left[0] -= 1
                    line.sendall(packed)
        except OSError:
            pass  # whoever it was gets it from the operator

    until = time.monotonic() + GIVE_SECONDS
    listener.settimeout(0.5)
    while time.monotonic() < until and left[0] > 0 and os.path.exists(f"/proc/{login}"):
        try:
            line, _ = listener.accept()
        except OSError:
            continue  # nobody came; it looks whether it is still wanted
        if threading.active_count() <= MOST_CALLERS:
            threading.Thread(target=answer, args=(line,)).start()
        else:
            line.close()
    listener.close()
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            thread.join(FETCH_SECONDS)


def read_line() -> str:
    """The next line of stdin."""
    text = b""
    while not text.endswith(b"\n"):
        text += read_exactly(1)
        if len(text) > 1 << 16:
            raise No("cut", "the first line is too long")
    return text[:-1].decode()


def newest_python() -> str:
    """This interpreter, or, where it is too old, a newer one of this machine."""
    if sys.version_info >= OLDEST:
        try:
            __import__("_sqlite3")
        except ImportError:
            raise No("no-python", f"python3 ({sys.executable}) has no sqlite3 module; on Debian, apt install python3 brings it") from None
        return sys.executable
    from shutil import which  # brings three compressors along, and is needed on few machines
    from subprocess import DEVNULL, call

    for minor in range(20, OLDEST[1] - 1, -1):
        found = which(f"python3.{minor}")
        # It must really run: what pyenv puts on the PATH under such names may only say that nothing is chosen.
        if found and call([found, "-I", "-S", "-c", ""], stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL) == 0:
            return found
    version = sys.version.split()[0]
    raise No("no-python", f"python3 is version {version} ({sys.executable}), and {OLDEST[0]}.{OLDEST[1]} or newer is needed")


def home_path(path: str) -> str:
    """An absolute path, with a ~ in front resolved for the user who logged in."""
    found = os.path.expanduser(path)
    if found.startswith("~"):
        raise No("root", f"the home directory in {path} is not known")
    return os.path.abspath(found)


def open_folder(root: str) -> int:
    """<root>/agent, made where it lacks, open, and nobody else's to write to."""
    path = root
    try:
        make(root, 0o700)
        above = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
        check_owner(above, path)
        path = f"{root}/agent"
        make_inside(above, "agent")
        inside = os.open("agent", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=above)
        check_owner(inside, path)
        os.close(above)
    except OSError as error:
        at = error.filename if str(error.filename).startswith("/") else path
        raise No("root", f"{at} cannot be used: {error.strerror}") from None
    return inside


def make(path: str, mode: int) -> None:
    """A directory and those above it, where they lack; each is on disk before anything is put into it."""
    above = os.path.dirname(path)
    if not os.path.isdir(above):
        make(above, 0o777)
    try:
        os.mkdir(path, mode)
    except FileExistsError:
        return
    try:
        fd = os.open(above, os.O_RDONLY | os.O_DIRECTORY)
    except PermissionError:
        return  # a folder that we may write to and not read: it cannot be synced
    os.fsync(fd)
    os.close(fd)


def make_inside(fd: int, name: str) -> None:
    """A directory for us alone in an open one, unless something is there."""
    try:
        os.mkdir(name, 0o700, dir_fd=fd)
        os.fsync(fd)
    except FileExistsError:
        pass


def check_owner(fd: int, path: str) -> None:
    """Ours, and from now on writable by nobody else."""
    found = os.fstat(fd)
    if found.st_uid != os.geteuid():
        raise No("root", f"{path} belongs to user {found.st_uid}, not to user {os.geteuid()} who logged in")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        os.fchmod(fd, stat.S_IMODE(found.st_mode) & ~(stat.S_IWGRP | stat.S_IWOTH))


def is_present(inside: int, name: str, wanted: str) -> bool:
    """Whether exactly the wanted bytes are there already; anything else of that name will be replaced."""
    try:
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=inside)
    except OSError:
        return False
    with os.fdopen(fd, "rb") as file:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or digest(file.read(LARGEST_AGENT)) != wanted:
            return False
        os.utime(fd)  # an agent in use is not pruned
        return True


def store(inside: int, name: str, data: bytes, path: str) -> None:
    """Write aside, sync, rename: a cut leaves no half agent."""
    aside = f".new-{os.urandom(8).hex()}"
    try:
        fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=inside)
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(fd, 0o400)
            os.fsync(fd)
        os.rename(aside, name, src_dir_fd=inside, dst_dir_fd=inside)
        os.fsync(inside)
    except OSError as error:
        try:
            os.unlink(aside, dir_fd=inside)
        except OSError:
            pass  # the fault that brought us here is the one to tell
        raise No("root", f"{path} cannot be written: {error.strerror}") from None


def digest(data: bytes) -> str:
    """The name of content, here as everywhere."""
    return blake2b(data, digest_size=32).hexdigest()


if __name__ == "__main__":
    try:
        ready = arrive()
    except No as no:
        say(f"NO {no.code} {no}")
    except Exception as error:
        say(f"NO root {type(error).__name__}: {error}")
    else:
        become(*ready)
