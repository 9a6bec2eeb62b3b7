"""A host's root in; out, the routes that answer from files: of the current release, and of earlier ones whose pages may still be open.

All of a release flips with `current`; assets do not, they are on the host for as long as a release there has them (decision 0026).
"""

from __future__ import annotations

from typing import Any

Route = dict[str, Any]

PATH = "{http.request.uri.path}"

KEPT = "public, max-age=31536000, immutable"
"""For what never changes under its name."""

ASKED = "no-cache"
"""For the rest: a browser keeps it, and asks each time whether it is still that. The ETag says so."""

HIDDEN = {"path": ["*/.*"]}

HASHED = {
    "path_regexp": {"pattern": r"[._-][0-9a-f]{8,64}\.[^/]+$"},
    "not": [{"path_regexp": {"pattern": r"[._-]([0-9]{8,64}|[a-f]{8,64})\.[^/]+$"}}],
}
"""Names with eight or more hex digits, letters among them and digits, before the extension: app.8f3a2b1c.js, and not photo-20240101.jpg."""

PRECOMPRESSED = {"precompressed": {"br": {}, "zstd": {}, "gzip": {}}, "precompressed_order": ["br", "zstd", "gzip"]}
"""A file beside it (app.js.br) is sent to who takes it."""


def file_routes(root: str) -> list[Route]:
    """The routes before the application's. Hidden files, and what is not there, are left to it."""
    static = f"{root}/current/front/static"
    assets = f"{root}/assets"
    there = {"method": ["GET", "HEAD"], "file": {"root": static, "try_files": [PATH, f"{PATH}/index.html"]}}
    kept = {"method": ["GET", "HEAD"], "file": {"root": assets, "try_files": [PATH]}}
    return [
        {
            "match": [{**there, "not": [HIDDEN]}, {**there, "path": ["/.well-known/*"]}],
            "handle": [
                _one_of([({**HASHED}, KEPT), ({"file": {"root": assets, "try_files": [PATH]}}, KEPT), ({}, ASKED)]),
                *_files(static),
            ],
        },
        {"match": [{**kept, "not": [HIDDEN]}], "handle": [_one_of([({}, KEPT)]), *_files(assets)]},
    ]


def _one_of(choices: list[tuple[dict[str, Any], str]]) -> Route:
    """The Cache-Control of the first match, on answers that are good."""
    routes: list[Route] = []
    for match, value in choices:
        said = {"deferred": True, "require": {"status_code": [2, 304]}, "set": {"Cache-Control": [value]}}
        routes.append({"group": "kept", **({"match": [match]} if match else {}), "handle": [{"handler": "headers", "response": said}]})
    return {"handler": "subroute", "routes": routes}


def _files(folder: str) -> list[Route]:
    """Last-Modified is left out: a file that came back with a rollback is older, and a cache would keep the newer one; ETags differ.

    The answer to HEAD is not compressed: its length would be that of nothing.
    """
    compressed = {"handler": "encode", "encodings": {"zstd": {}, "gzip": {}}, "prefer": ["zstd", "gzip"]}
    return [
        {
            "handler": "headers",
            "request": {"delete": ["If-Modified-Since"]},
            "response": {"deferred": True, "delete": ["Last-Modified"]},
        },
        {"handler": "subroute", "routes": [{"match": [{"method": ["GET"]}], "handle": [compressed]}]},
        # A file that goes with a switch, between the look above and its opening, is the application's to answer.
        {"handler": "file_server", "root": folder, "pass_thru": True, **PRECOMPRESSED},
    ]
