"""A size in, an ext4 file system out; and what befalls a disk: a check before a boot, an error under writers."""

from __future__ import annotations

import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

FREE_SECONDS = 30.0


@dataclass(frozen=True)
class Disk:
    """How large a file system is: `size` as mkfs says it ("256m"), and how many files it can hold."""

    size: str
    inodes: int


def lay_out(image: Path, content: Path, disk: Disk) -> None:
    """Make the file system, with what lies in `content`. No block is kept back for root: an ordinary user can fill all of it."""
    _run(["mkfs.ext4", "-q", "-F", "-m", "0", "-N", str(disk.inodes), "-d", str(content), str(image), disk.size])


def mount(image: Path, place: Path, disk: Disk) -> None:
    """A new file system at `place`, without a journal, in a file that takes only what is written to it. `unmount` takes it away.

    Raises RuntimeError where this machine has no loop device to spare.
    """
    with image.open("wb") as file:
        file.truncate(0)
    _run(
        [
            "mkfs.ext4",
            "-q",
            "-F",
            "-m",
            "0",
            "-O",
            "^has_journal",
            "-E",
            "lazy_itable_init=0",
            "-N",
            str(disk.inodes),
            str(image),
            disk.size,
        ]
    )
    place.mkdir()
    _run(["mount", "-o", "loop", str(image), str(place)])


def why_not() -> str | None:
    """Why `mount` cannot be had here; None where it can."""
    if not Path("/dev/loop-control").exists():
        return "there are no loop devices here"
    return None if shutil.which("mkfs.ext4") else "not installed: mkfs.ext4 (bin/test installs it)"


def unmount(place: Path) -> None:
    """Its loop device goes with it, as soon as no dead host holds it any more."""
    _run(["umount", str(place)])


def check(image: Path) -> None:
    """What an init does before it mounts: wait for the disk, replay its journal, mend what can be mended. Raises RuntimeError."""
    deadline = time.monotonic() + FREE_SECONDS
    while device := _device(image):
        if time.monotonic() > deadline:
            raise RuntimeError(f"{image} is still mounted at {device}")
        time.sleep(0.02)  # the last process of a host is gone before the kernel has let go of its mounts
    _run(["e2fsck", "-f", "-y", str(image)], most_code=1)


def spoil(image: Path) -> None:
    """The kernel finds an error in the file system that is mounted, and makes it read-only as `errors=remount-ro` asks for.

    `mount -o remount,ro` is no such fault: it is refused while a file is open for writing, and the agent always has one.
    """
    device = _device(image)
    if not device:
        raise RuntimeError(f"{image} is not mounted")
    Path("/sys/fs/ext4", Path(device).name, "trigger_fs_error").write_text("1")


def _device(image: Path) -> str:
    return _run(["losetup", "--noheadings", "--output", "NAME", "--associated", str(image)]).strip()


def _run(argv: list[str], most_code: int = 0) -> str:
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode > most_code:
        raise RuntimeError(f"{' '.join(argv)} ended with {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout
