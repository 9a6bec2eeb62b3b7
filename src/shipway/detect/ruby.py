"""A tree in, how a Rails or other Rack application is installed, migrated and run out."""

from __future__ import annotations

import re

from shipway.detect.sketch import HEALTHY, Sketch, answers_at, good_at
from shipway.detect.tree import Tree
from shipway.model.intent import Process, Task

BUNDLE = "vendor/bundle"


def recognise(tree: Tree) -> Sketch | None:
    """A Rails project, or what config.ru runs."""
    if not tree.has("Gemfile"):
        return None
    rails = _gem(tree, "rails") or _gem(tree, "railties")
    if rails and tree.has("config/application.rb"):
        return _rails(tree, rails)
    if not tree.has("config.ru"):
        return None
    sketch = _installed(tree, "Rack")
    if puma := _gem(tree, "puma"):
        run = "bundle exec puma --bind tcp://127.0.0.1:$PORT config.ru"
        sketch.assume("process.web", "puma serves it", "the project names it", "Gemfile", puma)
    else:
        run = "bundle exec rackup --host 127.0.0.1 --port $PORT config.ru"
        sketch.assume("process.web", "rackup serves it", "the project names no server that is known here", "Gemfile")
    sketch.assume("process.web", "web serves what config.ru runs", "it is there", "config.ru")
    sketch.processes.append(Process(name="web", run=run, health=answers_at("/")))
    return sketch


def install_only(tree: Tree) -> Sketch | None:
    """A project of Ruby whose processes a Procfile names."""
    return _installed(tree, "Ruby") if tree.has("Gemfile") else None


def _installed(tree: Tree, kind: str) -> Sketch:
    sketch = Sketch(kind)
    sketch.env = {"BUNDLE_PATH": BUNDLE, "BUNDLE_WITHOUT": "development:test", "RACK_ENV": "production"}
    if tree.has("Gemfile.lock"):
        sketch.env["BUNDLE_FROZEN"] = "true"
        sketch.assume("task.install", f"each host installs the gems into {BUNDLE}", "exactly what the lock says", "Gemfile.lock")
    else:
        sketch.doubt("task.install", "bundler writes Gemfile.lock, and a release is read-only", "commit it: bundle lock", "Gemfile")
    sketch.tasks.append(Task(name="install", run="bundle install", outputs=(BUNDLE,), timeout_seconds=1200.0))
    line = tree.line_of("Gemfile", r"^\s*ruby\b")
    if line:
        sketch.assume("task.install", "ruby of the hosts is the one that the Gemfile names", "it names one", "Gemfile", line)
    return sketch


def _rails(tree: Tree, line: int) -> Sketch:
    sketch = _installed(tree, "Rails")
    sketch.env |= {"RAILS_ENV": "production", "RAILS_LOG_TO_STDOUT": "1"}
    sketch.assume("", "this is a Rails application", "the Gemfile names it", "Gemfile", line)
    if tree.has_directory("app/assets") and not tree.has_directory("public/assets"):
        run = "SECRET_KEY_BASE_DUMMY=1 bundle exec rails assets:precompile"
        sketch.tasks.append(Task(name="assets", run=run, outputs=("public/assets",), timeout_seconds=1200.0))
        sketch.assume("task.assets", "each host makes public/assets", "there are app/assets")
    if tree.has_directory("public"):
        sketch.static = "public"
        sketch.assume("static", "the proxy itself answers what lies in public", "Rails leaves that to it")
    if tree.has_directory("db"):
        sketch.tasks.append(Task(name="migrate", run="bundle exec rails db:migrate", phase="activate", once=True))
        sketch.assume("task.migrate", "one host migrates the database before the new release serves", "there is a directory db")
    up = tree.line_of("config/routes.rb", r"""get ["']/?up["']""")
    health = good_at("/up") if up else answers_at("/")
    if up:
        sketch.assume("process.web", f"{HEALTHY} /up answers 200", "that page is there for it", "config/routes.rb", up)
    run = "bundle exec rails server --binding 127.0.0.1 --port $PORT --pid /dev/null"
    sketch.processes.append(Process(name="web", run=run, health=health))
    sketch.assume("process.web", "web runs `rails server`", "that is how Rails starts")
    sketch.doubt(
        "process.web",
        "SECRET_KEY_BASE or RAILS_MASTER_KEY must be in the environment",
        "Rails does not start without it; `shipway secrets set` keeps it",
        "config/application.rb",
    )
    for folder in ("tmp", "log", "storage"):
        if tree.has_directory(folder):
            sketch.doubt(
                "", f"{folder} is committed and so cannot be written", "releases are read-only", tree.first(f"{folder}/.keep") or folder
            )
        elif folder == "storage":
            sketch.shared.append(folder)
            sketch.assume("shared", "storage outlives releases", "Rails keeps uploads there")
    return sketch


def _gem(tree: Tree, name: str) -> int:
    return tree.line_of("Gemfile", rf"""^\s*gem\s*\(?\s*["']{re.escape(name)}["']""")
