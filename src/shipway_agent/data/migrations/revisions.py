"""A release's Alembic files in, read and not run; out, its revisions in an order in which they can be applied."""

from __future__ import annotations

import ast
import configparser
import os
import re
import shlex
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Set, Tuple

from shipway_agent.data.migrations.migration import Migration, phase_of, said
from shipway_agent.errors import AgentError
from shipway_agent.record import dataclass

INI = "alembic.ini"
VERSIONS = "versions"
SEPARATORS = {"space": " ", "newline": "\n", "os": os.pathsep, ":": ":", ";": ";"}

_COMMITS = re.compile(r"\bautocommit_block\b|\.commit\(|\bCOMMIT\b")
_ENDS = re.compile(r"AUTOCOMMIT")
_TABLE = re.compile(r"""\bversion_table\s*=\s*["']([\w]+)["']""")
_SCHEMA = re.compile(r"""\bversion_table_schema\s*=\s*["']([\w]+)["']""")


@dataclass(frozen=True)
class Place:
    """Where a release has its revisions, and what its env.py says of how they are run. `table` is the one of their heads."""

    folders: List[str]
    recursive: bool
    table: str
    atomic: bool


@dataclass(frozen=True)
class Revision:
    """One file. `below` are those that it goes on from, `needs` those that it depends on beside them."""

    name: str
    below: List[str]
    needs: List[str]
    migration: Migration


def place_of(folder: str, run: Any, environment: Mapping[str, str], path: str) -> Place:
    """As the alembic.ini of the release says, or `path` where that names the directory. Raises AgentError `directory`."""
    script, folders, recursive = _declared(folder, run, environment)
    if path:
        folders = [os.path.join(folder, path)]
    elif not folders and script:
        folders = [os.path.join(script, VERSIONS)]
    folders = [one for one in folders if os.path.isdir(one)]
    if not folders:
        message = f"migrations: no directory of revisions is known from {INI}: `path` of [migrations] names it"
        raise AgentError("directory", message, path=folder)
    scripts = [script] if script else [os.path.dirname(one.rstrip("/")) for one in folders]
    env = "\n".join(_read(f"{one}/env.py") for one in scripts if os.path.isfile(f"{one}/env.py"))
    table, schema = _TABLE.search(env), _SCHEMA.search(env)
    name = table.group(1) if table else "alembic_version"
    atomic = "begin_transaction" in env and _ENDS.search(env) is None
    return Place(folders, recursive, f"{schema.group(1)}.{name}" if schema else name, atomic)


def read_revisions(place: Place, *, atomic: bool) -> Dict[str, Revision]:
    """By name, each behind those that it needs. `atomic` when the database can take a change of its schema back.

    Raises AgentError `migration-failed` for a file that cannot be read, or one that needs what is not there.
    """
    found: Dict[str, Revision] = {}
    for path in sorted(_files(place)):
        one = _revision(path, atomic=atomic and place.atomic)
        if one is not None:
            if one.name in found:
                raise AgentError("migration-failed", f"two files are revision {one.name}: {path} is the second", path=path)
            found[one.name] = one
    return _ordered(found)


def ancestors(revisions: Mapping[str, Revision], heads: Sequence[str]) -> Set[str]:
    """These and all that they need."""
    there: Set[str] = set()
    rest = list(heads)
    while rest:
        name = rest.pop()
        if name not in there and name in revisions:
            there.add(name)
            rest += revisions[name].below + revisions[name].needs
    return there


def heads_of(revisions: Mapping[str, Revision], there: Set[str]) -> List[str]:
    """Those of `there` that nothing of it goes on from or needs: what Alembic writes into its table."""
    under = {below for name in there for below in revisions[name].below + revisions[name].needs}
    return [name for name in revisions if name in there and name not in under]


def _declared(folder: str, run: Any, environment: Mapping[str, str]) -> Tuple[str, List[str], bool]:
    """script_location, version_locations and whether folders below them count, as paths."""
    words = shlex.split(run) if isinstance(run, str) else [str(word) for word in run or ()]
    named = [words[at + 1] for at, word in enumerate(words[:-1]) if word in ("-c", "--config") and words[at + 1].endswith((".ini", ".cfg"))]
    ini = os.path.join(folder, named[-1] if named else environment.get("ALEMBIC_CONFIG", INI))
    if not os.path.isfile(ini):
        return "", [], False
    parser = configparser.ConfigParser({"here": os.path.dirname(os.path.abspath(ini))}, interpolation=configparser.BasicInterpolation())
    try:
        parser.read(ini, encoding="utf-8")
        section = {key: parser.get("alembic", key) for key in _KEYS if parser.has_option("alembic", key)}
    except configparser.Error as error:
        raise AgentError("directory", f"migrations: {ini}: {error}", path=ini) from None
    separator = section.get("path_separator") or section.get("version_path_separator")
    split = re.split(r"[\s,]+", section.get("version_locations", ""))
    if separator in SEPARATORS:
        split = section.get("version_locations", "").split(SEPARATORS[separator])
    locations = [_path(folder, one.strip()) for one in split if one.strip()]
    script = section.get("script_location", "")
    recursive = section.get("recursive_version_locations", "").lower() in ("true", "1", "yes", "on")
    return (_path(folder, script) if script else ""), locations, recursive


_KEYS = ("script_location", "version_locations", "path_separator", "version_path_separator", "recursive_version_locations")


def _path(folder: str, place: str) -> str:
    """`package:directory` is looked for in the release."""
    package, colon, rest = place.partition(":")
    return os.path.join(folder, f"{package.replace('.', '/')}/{rest}" if colon else place)


def _files(place: Place) -> Iterator[str]:
    for top in place.folders:
        for folder, folders, names in os.walk(top):
            folders[:] = [one for one in folders if one != "__pycache__"] if place.recursive else []
            yield from (os.path.join(folder, name) for name in names if name.endswith(".py") and not name.startswith(("__", ".")))


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise AgentError("migration-failed", f"{path} cannot be read: {error}", path=path) from None


def _revision(path: str, *, atomic: bool) -> Optional[Revision]:
    """None for a file that is no revision."""
    text = _read(path)
    try:
        tree = ast.parse(text, path)
    except SyntaxError as error:
        raise AgentError("migration-failed", f"{path}, line {error.lineno}: this is no Python: {error.msg}", path=path) from None
    values: Dict[str, Any] = {}
    functions: Dict[str, ast.FunctionDef] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            functions[node.name] = node
        for name, value in _assigned(node):
            if name in ("revision", "down_revision", "depends_on"):
                values[name] = _constant(value, name, path)
    names = _names(values.get("revision"))
    if not names or "upgrade" not in functions:
        return None
    upgrade = functions["upgrade"]
    migration = Migration(
        names[0],
        phase_of(said(text, path)),
        irreversible=_irreversible(upgrade, functions.get("downgrade")),
        atomic=atomic and _COMMITS.search(text) is None,
        after=_names(values.get("down_revision")) + _names(values.get("depends_on")),
    )
    return Revision(names[0], _names(values.get("down_revision")), _names(values.get("depends_on")), migration)


def _assigned(node: ast.stmt) -> Iterator[Tuple[str, ast.expr]]:
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
        yield node.target.id, node.value
    elif isinstance(node, ast.Assign):
        yield from ((target.id, node.value) for target in node.targets if isinstance(target, ast.Name))


def _constant(value: ast.expr, name: str, path: str) -> Any:
    try:
        return ast.literal_eval(value)
    except ValueError:
        message = f"{path}, line {value.lineno}: {name} must be written out for anybody to know it without running it"
        raise AgentError("migration-failed", message, path=path) from None


def _names(value: Any) -> List[str]:
    return [value] if isinstance(value, str) else [str(one) for one in value or ()]


def _irreversible(upgrade: ast.FunctionDef, downgrade: Optional[ast.FunctionDef]) -> List[str]:
    if _is_empty(upgrade):
        return []
    if downgrade is None:
        return ["it has no downgrade"]
    if _is_empty(downgrade):
        return ["its downgrade does nothing"]
    return ["its downgrade raises"] if any(isinstance(node, ast.Raise) for node in downgrade.body) else []


def _is_empty(function: ast.FunctionDef) -> bool:
    return all(
        isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)) for node in function.body
    )


def _ordered(found: Mapping[str, Revision]) -> Dict[str, Revision]:
    ordered: Dict[str, Revision] = {}
    for start in sorted(found):
        path = [start]
        while path:
            one = found[path[-1]]
            for name in one.migration.after:
                if name not in found:
                    raise AgentError("migration-failed", f"revision {one.name} needs {name}, which this release does not have")
            missing = [name for name in one.migration.after if name not in ordered]
            if not missing:
                ordered[path.pop()] = one
            elif missing[0] in path:
                raise AgentError("migration-failed", f"revisions need each other: {', '.join(path)}")
            else:
                path.append(missing[0])
    return ordered
