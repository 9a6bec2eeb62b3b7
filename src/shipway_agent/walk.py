"""An open directory in, every path below it out, with what the file system says of it."""

from __future__ import annotations

import os
import stat
from operator import attrgetter

from shipway_agent.errors import naming
from shipway_agent.folder import Folder
from shipway_agent.typed import Iterator, List, Tuple

Found = Tuple[bytes, Folder, bytes, os.stat_result]


def walk(tree: Folder) -> Iterator[Found]:
    """Every path of a tree: its bytes, the open directory it is in, its name, what it is. One directory is open at a time.

    Links are not followed. Raises AgentError naming the directory that cannot be read.
    """
    queue = [b""]
    while queue:
        path = queue.pop()
        with tree.at(path) as place:
            above = path + b"/" if path else b""
            for name, info in _inside(place):
                if stat.S_ISDIR(info.st_mode):
                    queue.append(above + name)
                yield above + name, place, name, info


def _inside(place: Folder) -> List[Tuple[bytes, os.stat_result]]:
    with naming(place.path), os.scandir(place.fd) as entries:
        return [(os.fsencode(entry.name), entry.stat(follow_symlinks=False)) for entry in sorted(entries, key=attrgetter("name"))]
