"""A tree in, how a Node project is installed, built and run out; or the static site that its build makes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from shipway.detect.sketch import HEALTH_PATHS, HEALTHY, Sketch, answers_at, good_at
from shipway.detect.tree import Tree
from shipway.model.intent import Build, Command, Process
from shipway_agent.record import dataclass

FILE = "package.json"
BIN = "node_modules/.bin"


@dataclass(frozen=True, slots=True)
class Installer:
    """What a lock file belongs to: how it installs exactly that, all of it or (`bare`) only what runs, and runs a script.

    `prune` forgets what only the build needed.
    """

    lock: str
    install: str
    bare: str
    run: str
    prune: str


QUIET = "--no-audit --no-fund"
INSTALLERS: tuple[Installer, ...] = (
    *(
        Installer(lock, f"npm ci {QUIET}", f"npm ci {QUIET} --omit=dev", "npm run", f"npm prune {QUIET} --omit=dev")
        for lock in ("package-lock.json", "npm-shrinkwrap.json")
    ),
    Installer(
        "pnpm-lock.yaml", "pnpm install --frozen-lockfile", "pnpm install --frozen-lockfile --prod", "pnpm run", "CI=1 pnpm prune --prod"
    ),
    Installer(
        "yarn.lock",
        "yarn install --frozen-lockfile",
        "yarn install --frozen-lockfile --production",
        "yarn run",
        "yarn install --frozen-lockfile --production --ignore-scripts",
    ),
)
_INSTALL = f"npm install {QUIET} --no-package-lock"
UNLOCKED = Installer("", _INSTALL, f"{_INSTALL} --omit=dev", "npm run", f"npm prune {QUIET} --omit=dev --no-package-lock")

SITES: Mapping[str, str] = {
    "vitepress": ".vitepress/dist",
    "@docusaurus/core": "build",
    "@11ty/eleventy": "_site",
    "astro": "dist",
    "gatsby": "public",
    "react-scripts": "build",
    "@vue/cli-service": "dist",
    "parcel": "dist",
    "vite": "dist",
}
"""Where a build writes the site that needs no process of its own, by the package that makes it."""

SERVED: Mapping[str, str] = {
    "next": ".next",
    "nuxt": ".output",
    "@remix-run/dev": "build",
    "@sveltejs/kit": "build",
    "@nestjs/core": "dist",
}
"""Where a build writes what the process then runs."""


def recognise(tree: Tree) -> Sketch | None:
    """A Node project that starts something, or whose build makes a site."""
    package = _package(tree)
    scripts = _texts(package, "scripts")
    main = _main(tree, package)
    if "start" in scripts or main:
        sketch = _installed(tree, package)
        _process(sketch, tree, scripts, main)
        return sketch
    needed = _needed(package)
    generator = next((name for name in SITES if name in needed), None)
    if generator is None or "build" not in scripts:
        return None
    sketch = Sketch(f"a static site by {generator}")
    installer = _installer(sketch, tree)
    sketch.build = Build((installer.install, f"{installer.run} build"), (SITES[generator],))
    sketch.static = SITES[generator]
    sketch.assume("build", f"the site is built here into {SITES[generator]}", f"{generator} makes it", FILE, _line(tree, generator))
    return sketch


def install_only(tree: Tree) -> Sketch | None:
    """A Node project whose processes a Procfile names."""
    package = _package(tree)
    return _installed(tree, package) if package else None


def name(tree: Tree) -> str:
    """What package.json calls the project; "" where it does not."""
    found = _package(tree).get("name")
    return found if isinstance(found, str) else ""


def _installed(tree: Tree, package: Mapping[str, Any]) -> Sketch:
    sketch = Sketch("Node", env={"NODE_ENV": "production"})
    scripts, needed = _texts(package, "scripts"), _needed(package)
    runs = {**_texts(package, "dependencies"), **_texts(package, "optionalDependencies")}
    tools = _starts_with_a_tool(scripts.get("start", ""), runs)
    commands: list[Command] = []
    outputs: list[str] = ["node_modules"] if runs else []
    if "build" in scripts:
        installer = _installer(sketch, tree)
        made, line = _made(tree, needed, scripts["build"]), _line(tree, "build")
        commands = [*([installer.install] if needed else []), f"{installer.run} build"]
        commands += [installer.prune] if set(needed) - set(runs) and runs and not tools else []
        if "prepare" in scripts and installer.install.startswith("npm"):
            commands.insert(0, "npm pkg delete scripts.prepare")
            sketch.assume("build", "`prepare` is not run", "it is for its authors; `build` is run", FILE, _line(tree, "prepare"))
        outputs += [made] if made else []
        sketch.assume("build", f"`build` is run, and makes {made or 'what nobody knows'}", f"`{scripts['build']}`", FILE, line)
        if not made:
            sketch.doubt("build", "what `build` makes must be named in outputs", "nothing here says where it writes", FILE, line)
    elif runs:
        installer = _installer(sketch, tree)
        commands = [installer.install if tools else installer.bare]
    if not outputs:
        commands = []
    if runs:
        sketch.assume("build", "packages with machine code must be built on what the hosts run", "they are installed here and shipped")
    sketch.build = Build(tuple(commands), tuple(outputs))
    engine = _texts(package, "engines").get("node")
    if engine:
        sketch.assume("process.web", f"node of the hosts is {engine}", "the project asks for it", FILE, _line(tree, "engines"))
    return sketch


def _starts_with_a_tool(start: str, runs: Mapping[str, str]) -> bool:
    """Whether what is started may be a program that only the packages for development bring: then they are shipped as well."""
    words = [word for word in start.split() if not re.fullmatch(r"[A-Za-z_]\w*=.*", word)]
    return bool(words) and words[0] not in ("node", "npm", *runs)


def _process(sketch: Sketch, tree: Tree, scripts: Mapping[str, str], main: str) -> None:
    start = scripts.get("start", "")
    if start and not {"prestart", "poststart"} & set(scripts):
        run = start if re.fullmatch(r"node [\w./-]+", start) else f'export PATH="$PWD/{BIN}:$PATH"; {start}'
        sketch.assume("process.web", f"web runs `{start}`", "it is the script `start`", FILE, _line(tree, "start"))
    elif start:
        run = "npm start"
        sketch.assume("process.web", "web runs `npm start`", "the script has others before or behind it", FILE, _line(tree, "start"))
    else:
        run = f"node {main}"
        sketch.assume("process.web", f"web runs `{run}`", "there is no script `start`", FILE)
    source = _source(tree, start) or main
    page, line = _health_page(tree, source)
    if page:
        sketch.assume("process.web", f"{HEALTHY} {page} answers 200", "that page is there for it", source, line)
    else:
        sketch.assume("process.web", f"{HEALTHY} / answers, whatever it answers but a failure", "no page of health was found")
    if source and source.endswith((".js", ".mjs", ".cjs", ".ts")) and not re.search(r"\bPORT\b", tree.text(source)):
        sketch.doubt("process.web", "it may not listen on $PORT", f"nothing in {source} reads PORT", source)
    sketch.processes.append(Process(name="web", run=run, health=good_at(page) if page else answers_at("/")))


def _package(tree: Tree) -> Mapping[str, Any]:
    try:
        found = json.loads(tree.text(FILE) or "{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _texts(package: Mapping[str, Any], key: str) -> dict[str, str]:
    found = package.get(key)
    return {name: text for name, text in found.items() if isinstance(text, str)} if isinstance(found, dict) else {}


def _needed(package: Mapping[str, Any]) -> dict[str, str]:
    return _texts(package, "dependencies") | _texts(package, "devDependencies") | _texts(package, "optionalDependencies")


def _line(tree: Tree, key: str) -> int:
    return tree.line_of(FILE, f'"{re.escape(key)}"\\s*:')


def _installer(sketch: Sketch, tree: Tree) -> Installer:
    installer = next((one for one in INSTALLERS if tree.has(one.lock)), None)
    if installer is None:
        sketch.doubt("build", "each build may get newer packages", "there is no lock file: commit package-lock.json", FILE)
        return UNLOCKED
    sketch.assume("build", "packages come as the lock says", f"`{installer.install}` installs no others", installer.lock)
    return installer


def _main(tree: Tree, package: Mapping[str, Any]) -> str:
    """A file that is run where no script says what to: one that listens."""
    named = package.get("main")
    files = ["server.js", *([named.removeprefix("./")] if isinstance(named, str) else []), "index.js", "app.js"] if package else []
    return next((file for file in files if tree.has(file) and re.search(r"\.listen\(|createServer\(", tree.text(file))), "")


def _source(tree: Tree, start: str) -> str:
    """The file that a script runs, where it is one of the commit."""
    return next((word for part in start.split() if tree.has(word := part.removeprefix("./"))), "")


def _made(tree: Tree, needed: Mapping[str, str], script: str) -> str:
    """Where a build writes: by the package that makes it, by its own words, or by tsconfig.json."""
    known = {**SERVED, **SITES}
    if found := next((known[name] for name in known if name in needed), ""):
        return found
    said = re.search(r"(?:\s-d|--out-?[dD]ir|--dist-dir)[ =]\.?/?([\w./-]*\w)", script)
    if said is None and "typescript" in needed:
        said = re.search(r'"outDir"\s*:\s*"\.?/?([\w./-]*\w)/?"', tree.text("tsconfig.json"))
    return said[1] if said else ""


def _health_page(tree: Tree, source: str) -> tuple[str, int]:
    pattern = rf"""\.(?:get|use|all)\(\s*["'`](/{HEALTH_PATHS[2:]})["'`]"""
    found = re.search(pattern, tree.text(source)) if source else None
    return (found[1], tree.line_of(source, pattern)) if found else ("", 0)
