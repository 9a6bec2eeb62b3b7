"""A tree in, how a Django project is installed, migrated and run out."""

from __future__ import annotations

import re

from shipway.detect import python_install
from shipway.detect.python_packages import packages
from shipway.detect.python_source import App
from shipway.detect.python_web import EMPTY, ask_for, serve
from shipway.detect.sketch import HEALTH_PATHS, HEALTHY, Sketch, answers_at, good_at
from shipway.detect.tree import Tree
from shipway.model.intent import Task
from shipway_agent.record import replace

_SETTINGS = re.compile(r"""DJANGO_SETTINGS_MODULE["'],\s*(?:default=)?["']([\w.]+)["']""")
_DATABASE = re.compile(r"""["']?NAME["']?\s*[:=]\s*.*?["'/]([\w.-]+\.(?:sqlite3?|db))["']""")
_STATIC_ROOT = re.compile(r"""^STATIC_ROOT\s*=\s*(.*)$""", re.MULTILINE)
_STATIC_URL = re.compile(r"""^STATIC_URL\s*=\s*["']/?([\w-]+)/["']""", re.MULTILINE)
_BELOW_BASE = re.compile(r"""BASE_DIR\s*/\s*["']([\w./-]+)["']|join\(\s*(?:str\()?\w*(?:BASE|ROOT)\w*\)?\s*,\s*["']([\w./-]+)["']""")


def recognise(tree: Tree) -> Sketch | None:
    """A Django project, at the top or one directory below it."""
    manage = next(
        (path for path in tree.paths if path.rpartition("/")[2] == "manage.py" and path.count("/") <= 1 and _is_django(tree, path)), None
    )
    if manage is None:
        return None
    directory = manage.rpartition("/")[0] or "."
    needed = packages(tree) or packages(tree, directory) or EMPTY
    sketch = Sketch("Django", name=needed.name)
    named = _SETTINGS.search(tree.text(manage))
    settings = named[1] if named else ""
    app = _served(tree, directory, settings, "channels" in needed or "daphne" in needed)
    sketch.assume(
        "",
        "this is a Django project",
        f"its settings are {settings}" if settings else "manage.py is Django's",
        manage,
        tree.line_of(manage, "DJANGO_SETTINGS_MODULE"),
    )
    serve(sketch, tree, app, needed)
    if not app.file:
        sketch.doubt("process.web", f"{app.module} may not be there", "neither wsgi.py nor asgi.py lies beside the settings", manage)
    if "django" not in needed:
        sketch.doubt("task.install", "no file names Django itself", "then nothing installs it", needed.source)
    files = _settings_files(tree, directory, settings)
    _health(sketch, tree, files)
    ask_for(sketch, tree, files)
    _static(sketch, tree, directory, files, served_by_itself="whitenoise" in needed)
    _database(sketch, tree, directory, files)
    return sketch


def _is_django(tree: Tree, path: str) -> bool:
    return "django.core.management" in tree.text(path)


def _served(tree: Tree, directory: str, settings: str, asynchronous: bool) -> App:
    """What a server is told to serve: Django's own wsgi.py or asgi.py beside the settings."""
    at = "" if directory == "." else f"{directory}/"
    packages_above = [".".join(settings.split(".")[:depth]) for depth in range(settings.count("."), 0, -1)]
    for module in [f"{one}.{kind}" for one in packages_above for kind in (("asgi", "wsgi") if asynchronous else ("wsgi", "asgi"))]:
        file = at + module.replace(".", "/") + ".py"
        if tree.has(file):
            line = tree.line_of(file, r"^application\b")
            return App(module, "application", "Django", "asgi" if module.endswith("asgi") else "wsgi", file, line, directory)
    return App(f"{settings.split('.')[0] or 'project'}.wsgi", "application", "Django", "wsgi", "", 0, directory)


def _settings_files(tree: Tree, directory: str, settings: str) -> list[str]:
    at = "" if directory == "." else f"{directory}/"
    path = at + settings.replace(".", "/")
    beside = [
        one
        for one in tree.paths
        if one.startswith((f"{path}/", path.rpartition("/")[0] + "/")) and "settings" in one and one.endswith(".py")
    ]
    return [one for one in dict.fromkeys((f"{path}.py", f"{path}/__init__.py", *beside)) if tree.has(one)]


def _health(sketch: Sketch, tree: Tree, files: list[str]) -> None:
    """A page that the root's urls.py declares for it, else the front page, whatever it answers but a failure."""
    web = sketch.processes[0]
    urls = next((path for file in files if tree.has(path := f"{file.split('/settings')[0]}/urls.py")), "")
    pattern = rf"""path\(\s*r?["']\^?({HEALTH_PATHS})\$?["']"""
    found = re.search(pattern, tree.text(urls)) if urls else None
    health = good_at("/" + found[1].lstrip("/")) if found else answers_at("/")
    hosts, line = next(((file, at) for file in files if (at := tree.line_of(file, r"^ALLOWED_HOSTS\s*="))), ("", 0))
    allowed = _statement(tree, hosts, line)
    if re.search(r"=\s*\[\s*\]", allowed):
        why = "ALLOWED_HOSTS is empty; it should name your domains"
        sketch.doubt("process.web", "Django answers 400 to every name but localhost", why, hosts, line)
    elif re.search(r"=\s*\[.*\]", allowed) and not re.search(r"""["'](\*|localhost|127\.0\.0\.1)["']""", allowed):
        why = "ALLOWED_HOSTS lacks localhost, which is what a host asks for"
        sketch.assume("process.web", "an answer of 400 counts as healthy", why, hosts, line)
        page = health.page
        health = replace(health, page=replace(page, status=tuple(sorted({*page.status, 400}))))
    if found:
        sketch.assumptions = [one for one in sketch.assumptions if not one.what.startswith(HEALTHY)]
        what = f"{HEALTHY} {health.page.path} answers {' or '.join(str(code) for code in health.page.status)}"
        sketch.assume("process.web", what, "that page is there for it", urls, tree.line_of(urls, pattern))
    sketch.processes[0] = replace(web, health=health)


def _statement(tree: Tree, file: str, line: int) -> str:
    """A statement from its line to the bracket that closes it."""
    lines = tree.text(file).splitlines()[max(0, line - 1) : line + 20] if line else []
    text = ""
    for one in lines:
        text += one.split("#")[0].strip() + " "
        if text.count("[") <= text.count("]"):
            break
    return text


def _static(sketch: Sketch, tree: Tree, directory: str, files: list[str], *, served_by_itself: bool) -> None:
    """`collectstatic` where the settings say where to; the proxy serves what it made unless the application does."""
    for file in files:
        root = _STATIC_ROOT.search(tree.text(file))
        below = _BELOW_BASE.search(root[1]) if root else None
        if root is None or below is None:
            continue
        line = tree.line_of(file, r"^STATIC_ROOT\s*=")
        place = (below[1] or below[2]).strip("/")
        place = place if directory == "." else f"{directory}/{place}"
        if tree.has_directory(place):
            sketch.doubt(
                "", f"{place} is committed, so collectstatic is not run", "a task may only write where the commit has nothing", file, line
            )
            return
        run = f"{python_install.command(directory, 'python')} manage.py collectstatic --noinput"
        outputs: tuple[str, ...] = (place,)
        url = next((found[1] for one in files if (found := _STATIC_URL.search(tree.text(one)))), None)
        if not served_by_itself and url and not tree.has_directory("served"):
            up = "" if directory == "." else "../" * (directory.count("/") + 1)
            run += f' && ln -sfn "$(readlink -f {up}{place})" "$(readlink -f {up}served)/{url}"'
            outputs = (place, "served")
            sketch.static = "served"
            sketch.assume(
                "static",
                f"the proxy itself answers /{url}/ from what collectstatic made",
                "the application does not (no whitenoise)",
                file,
                line,
            )
        sketch.tasks.append(Task(name="collectstatic", run=run, outputs=outputs, directory=directory))
        sketch.assume("task.collectstatic", f"collectstatic writes to {place} on each host", "STATIC_ROOT says so", file, line)
        return
    if not served_by_itself and files:
        sketch.doubt("", "nobody serves the static files once DEBUG is off", "the settings have no STATIC_ROOT below BASE_DIR", files[0])


def _database(sketch: Sketch, tree: Tree, directory: str, files: list[str]) -> None:
    """`migrate`, unless the database is a file inside the release, where it could not be written and would not last."""
    run = f"{python_install.command(directory, 'python')} manage.py migrate"
    for file in files:
        found = _DATABASE.search(tree.text(file))
        if found is None or "sqlite3" not in tree.text(file):
            continue
        line = tree.line_of(file, re.escape(found[0].splitlines()[0]))
        below = _BELOW_BASE.search(found[0])
        path = (below[1] or below[2]) if below else found[1]
        folder = path.rpartition("/")[0]
        if not folder:
            why = f"{found[1]} would lie inside a release, which is read-only; put it into a directory, and that into `shared`"
            sketch.doubt("", "no migration is run", why, file, line)
            return
        folder = folder if directory == "." else f"{directory}/{folder}"
        if not tree.has_directory(folder):
            sketch.shared.append(folder)
            sketch.assume("shared", f"{folder} outlives releases", "the database lies in it", file, line)
        break
    sketch.tasks.append(
        Task(name="migrate", run=f"{run} --noinput", phase="activate", once=True, check=f"{run} --check", directory=directory)
    )
    sketch.assume("task.migrate", "one host migrates the database before the new release serves", "that is how Django changes it")
