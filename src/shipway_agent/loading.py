"""The file of compiled modules in, imports served from it out: each module is read, and compared with its digest, when it is wanted.

`zipimport` reads the list of a whole archive, in Python, before it finds the first module: a third of what a session took to start.
Its text is also the first thing in that file, for enter.py to run; so it imports nothing of ours.
"""

from __future__ import annotations

import marshal
import os
import sys
from _frozen_importlib import ModuleSpec

try:
    from _blake2 import blake2b
except ImportError:  # as in blake.py
    from hashlib import blake2b

PACKAGE = "shipway_agent"

MODULE_DIGEST_BYTES = 16

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, ModuleType
    from typing import Dict, List, NoReturn, Optional, Tuple

    Index = Dict[str, Tuple[bool, int, int, bytes]]


class Modules:
    """A finder and loader of the modules in `index`, each with whether it is a package, where its code begins behind `start`, the bytes
    of that, and their digest. There are `more` in another file, for the first that wants one of them to open or to make.
    """

    def __init__(self, agent: str, fd: int, start: int, index: Index, more: bool) -> None:
        self._agent, self._fd, self._start, self._index, self._more = agent, fd, start, index, more

    def find_spec(self, name: str, path: object = None, target: object = None) -> Optional[ModuleSpec]:
        """What Python asks for. None for what is not here whole: Python goes on to look for it in the agent's own file."""
        code = self._code(name)
        if code is None:
            if self._more and name.startswith(f"{PACKAGE}.") and name not in self._index:
                return self._find_more(name)
            if name == PACKAGE and self._agent not in sys.path:
                sys.path.append(self._agent)  # only now: the list of the whole archive is read for whatever is found nowhere
            return None
        is_package = self._index[name][0]
        folder = f"{self._agent}/{name.replace('.', '/')}"
        spec = ModuleSpec(name, self, origin=f"{folder}/__init__.py" if is_package else f"{folder}.py")  # type: ignore[arg-type]  # it has what is asked for
        spec.submodule_search_locations = [folder] if is_package else None
        spec.loader_state = code
        return spec

    def create_module(self, spec: ModuleSpec) -> Optional[ModuleType]:
        """An ordinary module."""
        return None

    def exec_module(self, module: ModuleType) -> None:
        """Run its code."""
        spec = module.__spec__
        assert spec is not None and spec.origin is not None, "Python gives a module the spec first that it was found by"
        code, spec.loader_state = spec.loader_state, None
        module.__file__ = spec.origin
        exec(code, module.__dict__)  # noqa: S102  # this is what importing is

    def _find_more(self, name: str) -> Optional[ModuleSpec]:
        self._more = False  # whatever is missing then is asked for no more
        from shipway_agent.compiled import keep, use

        found = use(self._agent, few=True) or (keep(self._agent, few=True) and use(self._agent, few=True))
        return sys.meta_path[0].find_spec(name, None) if found else None

    def _code(self, name: str) -> Optional[CodeType]:
        if name not in self._index:
            return None
        _, begin, size, digest = self._index[name]
        try:
            data = os.pread(self._fd, size, self._start + begin)
            if blake2b(data, digest_size=MODULE_DIGEST_BYTES).digest() != digest:
                os.unlink(os.readlink(f"/proc/self/fd/{self._fd}"))  # so that the next start makes it anew
                return None
        except OSError:
            return None
        code: CodeType = marshal.loads(data)  # noqa: S302  # written by this very user, in a folder of his alone, and compared
        return code


def run(agent: str, fd: int, start: int, index: Index, words: List[str]) -> NoReturn:
    """Be the agent, with these words of its command line, to the end of this process.

    Which ends at once: a session has closed what it had, and taking a hundred modules apart costs it a tenth of its processor time.
    """
    load(agent, fd, start, index)
    from shipway_agent.__main__ import main

    code = main(words)
    sys.stderr.flush()
    os._exit(code)


def load(agent: str, fd: int, start: int, index: Index, *, more: bool = True) -> None:
    """Import the modules of the package from the open file `fd` from now on; `agent` is the path of the one file it was made from."""
    sys.meta_path.insert(0, Modules(agent, fd, start, index, more))
