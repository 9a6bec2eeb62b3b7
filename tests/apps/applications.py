"""A directory and its environments in, an application in a git repository out: tags v1, v2, v3 (cannot start) and v4 (turns sick)."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.apps.repository import Repository

SOURCES = Path(__file__).with_name("sources")
OWN_SETTINGS = """
from shop.production import *  # noqa

INSTALLED_APPS += APPS
MIDDLEWARE += ["shop.health.watch"]
TEMPLATES[0]["DIRS"] = [TEMPLATES_DIR]
"""


@dataclass(frozen=True)
class Application:
    """`page` says which version answers, by the text `version N` in its body; `bad` are the tags that must be undone.

    `reasons` tells for each bad tag a text that the refusal must contain: what the application itself said, or what the probe saw.
    """

    name: str
    repository: Repository
    page: str
    bad: tuple[str, ...]
    reasons: dict[str, str]
    pages: tuple[str, ...] = ()

    @property
    def directory(self) -> Path:
        return self.repository.directory


@cache
def installed(name: str = "") -> Path:
    """Where `venv` and `wheels` are, of the applications or of what else the script brings. Raises RuntimeError, naming that command."""
    script = Path(__file__).with_name("install.sh")
    directory = Path(subprocess.run([script, "--print"], capture_output=True, text=True, check=True).stdout.strip()) / name
    if not (directory / "stamp").exists():
        raise RuntimeError(f"{name or 'the real applications'}: not installed; {script} installs them into {directory}")
    return directory


def lacking() -> str | None:
    """What lacks of the frameworks whose migrations are tested, None where nothing does."""
    try:
        for name in ("frameworks", "older"):
            installed(name)
    except RuntimeError as error:
        return str(error)
    return None


def django(directory: Path, environments: str) -> Application:
    """A Django project under gunicorn on a port: admin, sites and flat pages with their migrations, static files, SQLite in `shared`."""
    repository = Repository(directory)
    admin = installed() / "venv/bin/django-admin"
    subprocess.run([admin, "startproject", "shop", str(directory)], check=True, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    repository.write(".gitignore", "data/\npublic/\n")
    settings = directory / "shop/settings.py"
    settings.write_text(settings.read_text() + OWN_SETTINGS)
    (directory / "shop/urls.py").unlink()
    _commits(repository, "django", environments)
    reasons = {"v3": "PAYMENT_KEY is not set", "v4": "503"}
    return Application(
        "django", repository, "/", ("v3", "v4"), reasons, ("/admin/login/", "/static/admin/css/base.css", "/static/shop.css")
    )


def fastapi(directory: Path, environments: str) -> Application:
    """A FastAPI application under uvicorn on a UNIX socket; each host installs its packages into `.venv` in prepare, from wheels."""
    repository = Repository(directory)
    repository.write(".gitignore", ".venv/\n")
    _commits(repository, "fastapi", environments)
    reasons = {"v3": "stock_client_that_nobody_installed", "v4": "503"}
    return Application("fastapi", repository, "/", ("v3", "v4"), reasons, ("/docs", "/openapi.json"))


def datasette(directory: Path, environments: str) -> Application:
    """Datasette on a port, over a small database that outlives releases."""
    repository = Repository(directory)
    _commits(repository, "datasette", environments)
    reasons = {"v3": "metadata", "v4": "503"}
    return Application("datasette", repository, "/", ("v3", "v4"), reasons, ("/museum/paintings", "/museum/paintings.json?_shape=array"))


def static(directory: Path, environments: str) -> Application:
    """Files that the front door serves by itself: no process at all. Its v3 has lost its front page; nothing of it can turn sick."""
    repository = Repository(directory)
    _commits(repository, "static", environments, removed={"v3": ("public/index.html",)})
    return Application("static", repository, "/", ("v3",), {"v3": "key page /"}, ("/style.css",))


APPLICATIONS: dict[str, Callable[[Path, str], Application]] = {
    "django": django,
    "fastapi": fastapi,
    "datasette": datasette,
    "static": static,
}


def _commits(repository: Repository, name: str, environments: str, removed: dict[str, tuple[str, ...]] | None = None) -> None:
    """v2 is v1 with changes; v3 and v4 are v2 with theirs. The branch ends on v2, so that HEAD is good."""
    place = {"venv": "", "wheels": ""} if name == "static" else {part: str(installed() / part) for part in ("venv", "wheels")}
    template = (SOURCES / name / "v1/shipway.toml.in").read_text()
    repository.write("shipway.toml", template.format(environments=environments, **place))
    for version in ("v1", "v2"):
        repository.lay(SOURCES / name / version)
        repository.commit(f"{name} {version}", version)
    for version, what in (("v3", "cannot start"), ("v4", "turns sick")):
        if (SOURCES / name / version).is_dir():
            repository.lay(SOURCES / name / version)
            repository.remove((removed or {}).get(version, ()))
            repository.commit(f"{name} {version}: {what}", version)
            repository.git("reset", "--quiet", "--hard", "v2")
    for cache_directory in repository.directory.rglob("__pycache__"):
        shutil.rmtree(cache_directory)
