"""A directory and a size in, an ext4 image with its content out; and what befalls a disk: a check before a boot, an error under writers."""

from __future__ import annotations

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
