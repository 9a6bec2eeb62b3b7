"""What a Python project depends on in, the prepare task that installs it into `.venv` on each host out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from shipway.detect.python_packages import Packages, toml
from shipway.detect.sketch import Sketch
from shipway.detect.tree import Tree
from shipway.model.intent import Task

VENV = ".venv"
MINUTES = 20
PIP = "pip install --quiet --disable-pip-version-check"

COPY = """\
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -R . "$copy/app"
chmod -R u+w "$copy/app\""""
"""Building a package writes beside its sources, and a release is read-only: so it is built from a copy that goes again."""


def install(sketch: Sketch, tree: Tree, needed: Packages, servers: Sequence[str] = ()) -> None:
    """Add the task `install`; `servers` are packages that the processes need and the project does not name."""
    kind = needed.source.rpartition("/")[2] if needed.source else ""
    lines = _INSTALLERS.get(kind, _requirements)(tree, needed, kind)
    if needed.is_package and kind == "uv.lock":
        lines += [COPY, f'{_bin(needed)}{PIP} --no-deps "$copy/app"']
    if servers:
        lines.append(f"{_bin(needed)}{PIP} {' '.join(servers)}")
    venv = f'python3 -m venv "$(readlink -f {_up(needed.directory)}{VENV})"'
    env = {"SETUPTOOLS_SCM_PRETEND_VERSION": "0", "PBR_VERSION": "0"} if needed.from_git and COPY in lines else {}
    if any("uv sync" in line or "uv pip" in line for line in lines):
        env["UV_SYSTEM_CERTS"] = "1"  # as pip does: a host may know authorities of its own
    sketch.tasks.append(
        Task(
            name="install",
            run="\n".join(["set -e", venv, *lines, ""]) if lines else venv,
            outputs=(VENV,),
            timeout_seconds=MINUTES * 60.0,
            directory=needed.directory,
            env=env,
        )
    )
    if needed.source:
        sketch.assume("task.install", f"each host installs the packages into {VENV}", _WHY.get(kind, "it lists them"), needed.source)
    if needed.python:
        file = "pyproject.toml" if needed.directory == "." else f"{needed.directory}/pyproject.toml"
        line = tree.line_of(file, r"^\s*(requires-python|python)\s*=")
        sketch.assume("task.install", f"python3 of the hosts is {needed.python}", "the project asks for it", file, line)
    for server in servers:
        sketch.assume("task.install", f"{server} is installed as well", "the project names no server, and its newest release is taken")
    if kind in REQUIREMENT_FILES and (line := tree.line_of(needed.source, r"^\s*(-e|--editable)\b")):
        sketch.doubt("task.install", "an editable package cannot be built inside a release", "releases are read-only", needed.source, line)


def command(directory: str, name: str) -> str:
    """How a command of `.venv` is called from a directory of the release."""
    return f"{_up(directory)}{VENV}/bin/{name}"


def _up(directory: str) -> str:
    return "" if directory == "." else "../" * (directory.count("/") + 1)


def _bin(needed: Packages) -> str:
    return command(needed.directory, "")


def _name(needed: Packages) -> str:
    return needed.source.removeprefix("" if needed.directory == "." else f"{needed.directory}/")


def _requirements(tree: Tree, needed: Packages, kind: str) -> list[str]:
    return [f"{_bin(needed)}{PIP} -r {_name(needed)}"] if needed.source else []


def _package(tree: Tree, needed: Packages, kind: str) -> list[str]:
    if needed.is_package:
        return [COPY, f'{_bin(needed)}{PIP} "$copy/app"']
    if "project" not in toml(tree, needed.source):
        return _listed(tree, needed, kind)
    return [f"{_bin(needed)}{PIP} uv", f"{_bin(needed)}uv pip install --python {_bin(needed)}python -r pyproject.toml"]


def _listed(tree: Tree, needed: Packages, kind: str) -> list[str]:
    """What a file lists that no installer reads without its lock: by name."""
    return [f"{_bin(needed)}{PIP} {' '.join(needed.named)}"] if needed.named else []


def _uv(tree: Tree, needed: Packages, kind: str) -> list[str]:
    venv = f"{_up(needed.directory)}{VENV}"
    sync = f"{_bin(needed)}uv sync --frozen --no-dev --inexact --no-install-project"
    return [f"{_bin(needed)}{PIP} uv", f'UV_PROJECT_ENVIRONMENT="$(readlink -f {venv})" {sync}']


def _poetry(tree: Tree, needed: Packages, kind: str) -> list[str]:
    """Poetry has many packages of its own, which must not meet those of the application."""
    venv = f"{_up(needed.directory)}{VENV}"
    tools = f'"$(readlink -f {venv})/poetry"'
    return [
        f"python3 -m venv {tools}",
        f"{tools}/bin/{PIP} poetry",
        f'VIRTUAL_ENV="$(readlink -f {venv})" {tools}/bin/poetry install --no-interaction --only main --no-root',
    ]


def _pipenv(tree: Tree, needed: Packages, kind: str) -> list[str]:
    """A lock of Pipenv is JSON: each package with its version and its hashes."""
    venv = f"{_up(needed.directory)}{VENV}"
    listed = f'"$(readlink -f {venv})/locked.txt"'
    read = (
        'import json; d = json.load(open("Pipfile.lock"))["default"]; '
        'full = lambda n, p: n + "[" + ",".join(p.get("extras", ())) + "]" + p.get("version", ""); '
        'print(*(full(n, p) + " ; " + p["markers"] if "markers" in p else full(n, p) for n, p in d.items()), sep=chr(10))'
    )
    return [f"python3 -c '{read}' > {listed}", f"{_bin(needed)}{PIP} -r {listed}"]


REQUIREMENT_FILES = ("requirements.txt", "production.txt", "prod.txt", "base.txt", "requirements.pip")

_INSTALLERS: Mapping[str, Callable[[Tree, Packages, str], list[str]]] = {
    "uv.lock": _uv,
    "poetry.lock": _poetry,
    "Pipfile.lock": _pipenv,
    "pyproject.toml": _package,
    "setup.py": _package,
    "setup.cfg": _package,
    "Pipfile": _listed,
}

_WHY: Mapping[str, str] = {
    "uv.lock": "exactly what the lock says, by uv, which pip brings",
    "poetry.lock": "exactly what the lock says, by Poetry, which pip brings",
    "Pipfile.lock": "exactly the versions that the lock says",
    "pyproject.toml": "it lists them; without a lock each deployment may get newer ones",
    "setup.py": "it lists them; without a lock each deployment may get newer ones",
    "setup.cfg": "it lists them; without a lock each deployment may get newer ones",
    "Pipfile": "it lists them; without a lock each deployment may get newer ones",
}
