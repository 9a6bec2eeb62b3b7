"""A generation document in; out, the page that visitors get instead of the application: the command's, the release's, or a plain one."""

from __future__ import annotations

from shipway_agent.errors import AgentError
from shipway_agent.primitives import generations
from shipway_agent.root import Root
from shipway_agent.typed import Any, Mapping, Optional

MOST_BYTES = 256 * 1024
"""Caddy reads it for each answer, and no more than 1 MiB."""

CLOSED = "We are working on it"
STOPPED = "This application is stopped"
SOON = "Please come back in a few minutes."

PLAIN = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ margin: 0; min-height: 100vh; display: grid; place-items: center; font: 1.1rem/1.6 system-ui, sans-serif }}
:root {{ color-scheme: light dark }}
main {{ max-width: 34rem; padding: 2rem }}
h1 {{ font-size: 1.5rem; margin: 0 0 .5rem }}
p {{ margin: 0; white-space: pre-line }}
</style>
</head>
<body><main><h1>{title}</h1><p>{message}</p></main></body>
</html>
"""


def page(root: Root, number: int, document: Mapping[str, Any]) -> bytes:
    """What stands in `front/page.html` of a generation: at most MOST_BYTES. A page that cannot be read is no reason to show none."""
    maintenance = document.get("maintenance") or {}
    own = _read(root, f"{generations.place(number)}/{generations.PAGE}") if maintenance.get("page") else None
    if own is not None:
        return own
    if not maintenance.get("message"):
        release = f"releases/{document['release']}"
        for folder in (document.get("static"), None):
            found = _read(root, f"{release}/{folder}/{generations.PAGE}" if folder else f"{release}/{generations.PAGE}")
            if found is not None:
                return found
    return plain(CLOSED if maintenance else STOPPED, str(maintenance.get("message") or SOON))


def plain(title: str, message: str) -> bytes:
    """A page of our own with a person's words on it."""
    from html import escape  # few generations close, and it brings a long table

    return PLAIN.format(title=escape(title), message=escape(message)).encode()


def _read(root: Root, relative: str) -> Optional[bytes]:
    try:
        return root.read(relative, MOST_BYTES)
    except AgentError:
        return None
