"""A tree in, what a Python project depends on out: each package with the line that names it, and what installs them."""

from __future__ import annotations

import ast
import configparser
import re
import tomllib
import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from shipway.detect.tree import Tree
from shipway_agent.record import dataclass

REQUIREMENTS = ("requirements.txt", "requirements/production.txt", "requirements/prod.txt", "requirements/base.txt", "requirements.pip")
NAMES = (*REQUIREMENTS, "pyproject.toml", "uv.lock", "poetry.lock", "Pipfile", "Pipfile.lock", "setup.cfg", "setup.py")
"""The files that say what a Python project needs."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class Packages:
    """`named` maps the normal name of a package to the file and line that name it. `directory` is where the files lie.

    `source` is the file that the installer reads. `is_package` is true where the project itself is built and installed, `from_git`
    where its version is made from tags. `python` is the Python it asks for, `name` what it is called. All are "" where nothing says it.
    """

    directory: str
    source: str
    named: Mapping[str, tuple[str, int]]
    is_package: bool = False
    from_git: bool = False
    python: str = ""
    name: str = ""

    def __contains__(self, name: str) -> bool:
        return name in self.named

    def place(self, name: str) -> tuple[str, int]:
        """File and line that name a package; ("", 0) where nothing does."""
        return self.named.get(name, ("", 0))


def packages(tree: Tree, directory: str = ".") -> Packages | None:
    """What the project in this directory depends on; None where no file there says it."""
    at = "" if directory == "." else f"{directory}/"
    there = [name for name in NAMES if tree.has(at + name)]
    if not there:
        return None
    tree.load(at + name for name in there)
    requirements = next((name for name in REQUIREMENTS if name in there), None)
    project = toml(tree, f"{at}pyproject.toml")
    named: dict[str, tuple[str, int]] = {}
    listed = list(_requirements(tree, at + requirements)) if requirements else []
    for name, file, line in [*listed, *_declared(tree, at, project)]:
        named.setdefault(normal(name), (file, line))
    made_from = str(project.get("build-system")) + tree.text(f"{at}setup.py") + tree.text(f"{at}setup.cfg")
    return Packages(
        directory=directory,
        source=at + source if (source := _source(there, requirements)) else "",
        named=named,
        is_package="build-system" in project or "setup.py" in there,
        from_git=re.search(r"setuptools[-_]scm|hatch-vcs|versioningit|dunamai|\bpbr\b", made_from) is not None,
        python=_python(project),
        name=_name(project) or _setting(tree.text(f"{at}setup.cfg"), "metadata", "name"),
    )


def normal(name: str) -> str:
    """The name of a package as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def toml(tree: Tree, path: str) -> dict[str, Any]:
    """A TOML file; nothing where it is not there or is none."""
    try:
        return tomllib.loads(tree.text(path))
    except ValueError:
        return {}


def table(within: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    """A table below these keys; an empty one where something else, or nothing, is there."""
    found: Any = within
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def parsed(text: str) -> ast.Module | None:
    """Python source as a tree; None for what is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # somebody's odd escapes are no concern of ours
        try:
            return ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def _source(there: Iterable[str], requirements: str | None) -> str:
    """The file that is installed from: a lock before what it was made from."""
    order = ("uv.lock", "poetry.lock", "Pipfile.lock", requirements, "pyproject.toml", "setup.py", "setup.cfg", "Pipfile")
    return next((name for name in order if name is not None and name in there), "")


def _requirements(tree: Tree, path: str, depth: int = 0) -> Iterator[tuple[str, str, int]]:
    for number, line in tree.lines(path):
        line = line.strip()
        other = re.match(r"(?:-r|--requirement)[ =]*(\S+)", line)
        if other and depth < 4:
            folder = path.rpartition("/")[0]
            yield from _requirements(tree, _joined(folder, other[1]), depth + 1)
        elif found := _NAME.match(line):
            yield found[0], path, number


def _joined(folder: str, path: str) -> str:
    parts: list[str] = [part for part in folder.split("/") if part]
    for part in path.split("/"):
        if part == ".." and parts:
            parts.pop()
        elif part not in (".", "", ".."):
            parts.append(part)
    return "/".join(parts)


def _declared(tree: Tree, at: str, project: Mapping[str, Any]) -> Iterator[tuple[str, str, int]]:
    file = f"{at}pyproject.toml"
    names = [text for text in table(project, "project").get("dependencies") or () if isinstance(text, str)]
    names += [name for name in table(project, "tool", "poetry", "dependencies") if name != "python"]
    yield from _placed(tree, file, names)
    yield from _placed(tree, f"{at}Pipfile", table(toml(tree, f"{at}Pipfile"), "packages"))
    listed = _setting(tree.text(f"{at}setup.cfg"), "options", "install_requires")
    yield from _placed(tree, f"{at}setup.cfg", listed.split("\n"))
    yield from _placed(tree, f"{at}setup.py", _of_setup(tree.text(f"{at}setup.py")))


def _setting(text: str, section: str, name: str) -> str:
    """A value of setup.cfg; "" where there is none, or what is there is no file of settings."""
    config = configparser.RawConfigParser(strict=False)
    try:
        config.read_string(text)
        return config.get(section, name, fallback="")
    except configparser.Error:
        return ""


def _placed(tree: Tree, file: str, requirements: Iterable[str]) -> Iterator[tuple[str, str, int]]:
    for text in requirements:
        found = _NAME.match(text.strip())
        if found:
            yield found[0], file, tree.line_of(file, rf"(?<![A-Za-z0-9_-]){re.escape(found[0])}(?![A-Za-z0-9_-])")


def _of_setup(text: str) -> Iterator[str]:
    """What setup.py lists as install_requires, where it is a plain list."""
    module = parsed(text) if "install_requires" in text else None
    for node in ast.walk(module) if module else ():
        if isinstance(node, ast.keyword) and node.arg == "install_requires" and isinstance(node.value, ast.List | ast.Tuple):
            yield from (one.value for one in node.value.elts if isinstance(one, ast.Constant) and isinstance(one.value, str))


def _name(project: Mapping[str, Any]) -> str:
    name = table(project, "project").get("name") or table(project, "tool", "poetry").get("name")
    return name if isinstance(name, str) else ""


def _python(project: Mapping[str, Any]) -> str:
    wanted = table(project, "project").get("requires-python") or table(project, "tool", "poetry", "dependencies").get("python")
    return wanted if isinstance(wanted, str) else ""
