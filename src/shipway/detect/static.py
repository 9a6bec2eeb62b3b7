"""A tree in, the static site that it holds or that a generator makes of it out."""

from __future__ import annotations

from collections.abc import Mapping

from shipway.detect.sketch import Sketch
from shipway.detect.tree import Tree
from shipway.model.intent import Build
from shipway_agent.record import dataclass

PLACES = ("public", "dist", "_site", "site", "build", "www", "html", "htdocs", "docs")
"""Directories that hold a site when they hold an index.html, likeliest first."""

SERVED = "served"
"""Where a site that lies at the top of its repository is copied: the proxy serves a directory, and not shipway.toml beside it."""


@dataclass(frozen=True, slots=True)
class Generator:
    """A program that makes a site: the commands, where it writes, and what people call it."""

    name: str
    run: tuple[str, ...]
    output: str


GENERATORS: Mapping[str, Generator] = {
    "hugo.toml": Generator("Hugo", ("hugo --minify",), "public"),
    "hugo.yaml": Generator("Hugo", ("hugo --minify",), "public"),
    "_config.yml": Generator("Jekyll", ("bundle install", "bundle exec jekyll build"), "_site"),
    "mkdocs.yml": Generator("MkDocs", ("mkdocs build --site-dir site",), "site"),
}
"""What a file at the top is the settings of. They run on this machine, in [build]."""


def recognise(tree: Tree) -> Sketch | None:
    """Files that need no process of their own."""
    settings = tree.first(*GENERATORS)
    if settings and not (settings == "_config.yml" and not tree.has("Gemfile")):
        return _generated(settings, GENERATORS[settings])
    place = next((place for place in PLACES if tree.has(f"{place}/index.html")), None)
    if tree.has("index.html"):
        return _at_the_top(tree)
    if place is None:
        return None
    sketch = Sketch("a static site", static=place)
    sketch.assume("static", f"the proxy itself serves the directory {place}", "an index.html is there", f"{place}/index.html")
    return sketch


def _generated(settings: str, generator: Generator) -> Sketch:
    sketch = Sketch(f"a site by {generator.name}", static=generator.output)
    sketch.build = Build(generator.run, (generator.output,))
    sketch.assume("build", f"{generator.name} makes {generator.output} on this machine", "these are its settings", settings)
    sketch.assume("static", f"the proxy itself serves the directory {generator.output}", f"{generator.name} writes it", settings)
    return sketch


def _at_the_top(tree: Tree) -> Sketch:
    served = next(name for name in (SERVED, "served-files", "served-by-shipway") if not tree.has_directory(name) and not tree.has(name))
    find = f"find . -mindepth 1 -maxdepth 1 ! -name shipway.toml ! -name {served} \\( ! -name '.*' -o -name .well-known \\)"
    sketch = Sketch("a static site", static=served)
    sketch.build = Build((f"mkdir {served}", f"{find} -exec cp -R -- {{}} {served}/ \\;"), (served,))
    sketch.assume("static", f"the proxy itself serves the directory {served}", "index.html lies at the top of the repository", "index.html")
    sketch.assume("build", f"everything is copied to {served}, but shipway.toml and hidden files", "visitors have no business with those")
    return sketch
