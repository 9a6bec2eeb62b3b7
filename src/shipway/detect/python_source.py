"""Python source in, the web applications that it makes out: each with its module, its name there, and the line."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

from shipway.detect.python_packages import parsed
from shipway.detect.sketch import HEALTH_PATHS
from shipway.detect.tree import Tree
from shipway_agent.record import dataclass

Interface = Literal["wsgi", "asgi", "aiohttp"]

FRAMEWORKS: Mapping[str, tuple[str, Interface]] = {
    "flask.Flask": ("Flask", "wsgi"),
    "flask_openapi3.OpenAPI": ("Flask", "wsgi"),
    "apiflask.APIFlask": ("Flask", "wsgi"),
    "bottle.Bottle": ("Bottle", "wsgi"),
    "bottle.default_app": ("Bottle", "wsgi"),
    "falcon.App": ("Falcon", "wsgi"),
    "falcon.API": ("Falcon", "wsgi"),
    "falcon.asgi.App": ("Falcon", "asgi"),
    "fastapi.FastAPI": ("FastAPI", "asgi"),
    "fastapi.applications.FastAPI": ("FastAPI", "asgi"),
    "starlette.applications.Starlette": ("Starlette", "asgi"),
    "litestar.Litestar": ("Litestar", "asgi"),
    "quart.Quart": ("Quart", "asgi"),
    "sanic.Sanic": ("Sanic", "asgi"),
    "aiohttp.web.Application": ("aiohttp", "aiohttp"),
}
"""What makes an application, by its full name: what people call it, and how a server talks to it."""

STEMS = ("wsgi", "asgi", "app", "application", "main", "api", "server", "web", "run", "__init__")
"""The names of files that hold an application, most likely first."""

NOT_THE_APP = frozenset(
    (
        *("test", "tests", "testing", "doc", "docs", "example", "examples", "samples", "benchmarks", "migrations"),
        *("node_modules", "venv", "env", ".venv", "site-packages", "build", "dist"),
    )
)
"""Folders whose applications are not the one that is shipped."""

MOST_FILES = 400
MOST_DEPTH = 4
FACTORY = re.compile(r"(create|make|build|get)_(app|application|api|wsgi_app|asgi_app)$")
LIKELY = ("app", "application", "api", "server", "asgi_app", "wsgi_app")


@dataclass(frozen=True, slots=True)
class App:
    """`module` is how Python imports it from `directory` (with `path` on its search path, "" for none); `name` is what it is called there.

    `factory` is true where it is a function that makes it. `health` is the path of a page that was made to tell health.
    """

    module: str
    name: str
    framework: str
    interface: Interface
    file: str
    line: int
    directory: str = "."
    path: str = ""
    factory: bool = False
    health: tuple[str, int] | None = None


def apps(tree: Tree) -> list[App]:
    """All that are found, the likeliest first."""
    files = [path for path in tree.paths if path.endswith(".py") and path.count("/") < MOST_DEPTH and not _aside(path)][:MOST_FILES]
    tree.load(files)
    return sorted((app for file in files for app in _in_file(tree, file)), key=_likelihood)


_MUST_BE_SET = re.compile(
    r"""\bos\.environ\[\s*["']([A-Z][A-Z0-9_]*)["']\s*\](?!\s*=[^=])|\b(?:env|config)(?:\.\w+)?\(\s*["']([A-Z][A-Z0-9_]*)["']\s*\)"""
)


def variables(tree: Tree, files: Iterable[str]) -> dict[str, tuple[str, int]]:
    """Variables of the environment that these files ask for without a default, each with the first place that does."""
    found: dict[str, tuple[str, int]] = {}
    for file in files:
        for number, line in tree.lines(file):
            for name in _MUST_BE_SET.finditer(line.partition("#")[0]):
                found.setdefault(name[1] or name[2], (file, number))
    return found


def _aside(path: str) -> bool:
    *folders, name = path.split("/")
    return (
        bool(NOT_THE_APP.intersection(folders)) or name.startswith(("test_", "conftest")) or any(part.startswith(".") for part in folders)
    )


def _likelihood(app: App) -> tuple[int, bool, int, str, int]:
    stem = app.file.rpartition("/")[2].removesuffix(".py")
    return (STEMS.index(stem) if stem in STEMS else len(STEMS), app.factory, app.file.count("/"), app.file, app.line)


def _in_file(tree: Tree, file: str) -> Iterator[App]:
    text = tree.text(file)
    if not re.search(r"\b(app|application|api|server)\b|" + "|".join(name.rpartition(".")[2] for name in FRAMEWORKS), text):
        return
    module = parsed(text)
    if module is None:
        return
    imported = _imports(module)
    place = _place(tree, file, imported.values())
    if place is None:
        return
    directory, path, dotted = place
    for name, framework, interface, line, factory in _made(module, imported):
        yield App(dotted, name, framework, interface, file, line, directory, path, factory, _health(module, name))


def _made(module: ast.Module, imported: Mapping[str, str]) -> Iterator[tuple[str, str, Interface, int, bool]]:
    dashes: set[str] = set()
    for node in _top(module.body):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                if (
                    isinstance(value, ast.Attribute)
                    and isinstance(value.value, ast.Name)
                    and (value.value.id, value.attr) in ((dash, "server") for dash in dashes)
                ):
                    yield name, "Dash", "wsgi", node.lineno, False
                elif isinstance(value, ast.Call):
                    full = _full(value.func, imported)
                    if full == "dash.Dash":
                        dashes.add(name)
                    elif found := _framework(full, value):
                        yield name, *found, node.lineno, False
                    elif name in LIKELY and FACTORY.search(full):
                        yield name, "", _guessed(imported), node.lineno, False
            case ast.FunctionDef(name=name) if FACTORY.search(name) and _needs_nothing(node):
                inner = _imports(node)
                calls = (call for call in ast.walk(node) if isinstance(call, ast.Call))
                within = dict(imported) | inner
                found = next((one for call in calls if (one := _framework(_full(call.func, within), call))), None)
                if found is not None:
                    yield name, *found, node.lineno, True
            case ast.FunctionDef(name="application" | "app" as name) if [one.arg for one in node.args.args][:2] == [
                "environ",
                "start_response",
            ]:
                yield name, "WSGI", "wsgi", node.lineno, False
            case ast.AsyncFunctionDef(name="application" | "app" as name) if [one.arg for one in node.args.args] == [
                "scope",
                "receive",
                "send",
            ]:
                yield name, "ASGI", "asgi", node.lineno, False


def _framework(full: str, call: ast.Call) -> tuple[str, Interface] | None:
    if full in FRAMEWORKS:
        return FRAMEWORKS[full]
    if isinstance(call.func, ast.Attribute) and call.func.attr == "make_wsgi_app":
        return "Pyramid", "wsgi"
    return None


def _guessed(imported: Mapping[str, str]) -> Interface:
    """Of an application that a function of another module makes, only its imports may tell what it is."""
    return "asgi" if re.search(r"\b(fastapi|starlette|asgi|quart|litestar)\b", " ".join(imported.values())) else "wsgi"


def _top(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements that run when the module is imported."""
    for node in body:
        if isinstance(node, ast.Try):
            yield from _top([*node.body, *node.orelse])
        elif isinstance(node, ast.With):
            yield from _top(node.body)
        elif isinstance(node, ast.If) and "__name__" not in ast.unparse(node.test):
            yield from _top([*node.body, *node.orelse])
        else:
            yield node


def _imports(within: ast.AST) -> dict[str, str]:
    names: dict[str, str] = {}
    for node in ast.walk(within):
        if isinstance(node, ast.Import):
            names |= {
                alias.asname or alias.name.split(".")[0]: alias.name if alias.asname else alias.name.split(".")[0] for alias in node.names
            }
        elif isinstance(node, ast.ImportFrom):
            names |= {alias.asname or alias.name: f"{'.' * node.level}{node.module or ''}.{alias.name}" for alias in node.names}
    return names


def _full(func: ast.expr, imported: Mapping[str, str]) -> str:
    parts: list[str] = []
    while isinstance(func, ast.Attribute):
        parts.append(func.attr)
        func = func.value
    if not isinstance(func, ast.Name):
        return ""
    return ".".join([imported.get(func.id, func.id), *reversed(parts)])


def _needs_nothing(function: ast.FunctionDef) -> bool:
    arguments = function.args
    return len(arguments.args) + len(arguments.posonlyargs) <= len(arguments.defaults) and all(arguments.kw_defaults)


def _place(tree: Tree, file: str, imported: Iterable[str]) -> tuple[str, str, str] | None:
    """Directory, search path and dotted name: a file of a package is imported from above it, another from where it lies."""
    *folders, name = file.removesuffix(".py").split("/")
    path = ""
    if folders[:1] == ["src"] and not tree.has("src/__init__.py") and len(folders) > 1:
        folders, path = folders[1:], "src"
    package = "/".join([*([path] if path else []), *folders])
    if folders and not tree.has(f"{package}/__init__.py") and not any(one.startswith((f"{folders[0]}.", ".")) for one in imported):
        return ("/".join([*([path] if path else []), *folders]), "", name) if name.isidentifier() and name != "__init__" else None
    parts = [*folders, *([] if name == "__init__" else [name])]
    return (".", path, ".".join(parts)) if parts and all(part.isidentifier() for part in parts) else None


def _health(module: ast.Module, name: str) -> tuple[str, int] | None:
    """A page of health that the application itself declares: `@app.get("/up")`."""
    for node in ast.walk(module):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for call in node.decorator_list:
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute) or not call.args:
                continue
            owner, first = call.func.value, call.args[0]
            if not isinstance(owner, ast.Name) or owner.id != name or call.func.attr not in ("get", "route"):
                continue
            if isinstance(first, ast.Constant) and isinstance(first.value, str) and re.fullmatch(HEALTH_PATHS, first.value):
                return "/" + first.value.lstrip("/"), node.lineno
    return None
