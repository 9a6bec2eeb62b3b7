"""Routes in, the same in Caddy's JSON out. The host's root and the token of its probes stand as placeholders, which the agent fills in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shipway.model.intent import HOLD_SECONDS, Intent
from shipway.plan.proxy.files import ASKED, file_routes
from shipway.plan.proxy.routes import SLOTS, routes

ROOT = "{SHIPWAY_ROOT}"
"""Stands for the application's root, which nobody knows before the host has been asked."""

PROBE = "{SHIPWAY_PROBE}"
"""Stands for the host's secret token: who sends it in Shipway-Probe is told what answered, and passes the maintenance page."""

PUBLIC = "-public"
"""Behind the token: who sends both is told what answered as well, and is otherwise treated as anybody."""

Route = dict[str, Any]


def site(intent: Intent, document: Mapping[str, Any], root: str = ROOT, probe: str = PROBE, *, plain: str | None = None) -> dict[str, Any]:
    """What `proxy.ensure` takes as its site: {"id", "routes"}. `root` and `probe` are texts that go into the routes as they are.

    `plain` is the address beside a secure one that sends visitors there; then "tls" says who gives certificates, and "plain" what is
    answered there.

    Raises WrongInput where it is not clear which process requests go to.
    """
    wanted = routes(intent, document)
    held = [_held(root, probe, seconds) for seconds in HOLD_SECONDS]
    inner = [_probe(root, probe), _closed(root, probe), *file_routes(root), *held, _application(root), *_nothing(root)]
    handle = [{"handler": "subroute", "routes": inner, "errors": {"routes": _errors(root)}}]
    match = {"match": [{"host": list(wanted.domains)}]} if wanted.domains else {}
    made = {"id": wanted.id, "routes": [{**match, "terminal": True, "handle": handle}]}
    if plain is None:
        return made
    tls = intent.environment.tls
    said = {"issuer": tls.issuer, "directory": tls.directory, "authority": tls.authority, "email": tls.email}
    return {**made, "tls": said, "plain": {"listen": plain, "routes": _plain(list(wanted.domains), probe, handle)}}


def _plain(domains: list[str], probe: str, handle: list[Route]) -> list[Route]:
    """Our own probes are answered as at the secure door; everybody else is sent there. Challenges of an authority Caddy answers itself."""
    to = {"Location": ["https://{http.request.host}{http.request.uri}"], "Cache-Control": [ASKED]}
    return [
        {"match": [{"host": domains, "header": {"Shipway-Probe": [probe, probe + PUBLIC]}}], "terminal": True, "handle": handle},
        {
            "match": [{"host": domains}],
            "terminal": True,
            "handle": [{"handler": "static_response", "status_code": 308, "headers": to}],
        },
    ]


def _probe(root: str, probe: str) -> Route:
    """Our own probes learn who answered; the public learns nothing, and the application never sees the token."""
    said = {"Shipway-Release": [_content(f"{root}/current/release-id")], "Shipway-Upstream": ["{http.reverse_proxy.upstream.address}"]}
    return {
        "match": [{"header": {"Shipway-Probe": [probe, f"{probe}{PUBLIC}"]}}],
        "handle": [{"handler": "headers", "response": {"deferred": True, "set": said}}],
    }


def _closed(root: str, probe: str) -> Route:
    """Under maintenance everybody but our own probes gets the page; once the application is stopped, our probes as well.

    The page is read as a placeholder and not served as a file: it may go with a switch between this look and its reading.
    """
    front = f"{root}/current/front"
    return {
        "match": [
            {"file": {"root": front, "try_files": ["/closed"]}, "not": [{"header": {"Shipway-Probe": [probe]}}]},
            {"file": {"root": front, "try_files": ["/stopped"]}},
        ],
        "terminal": True,
        "handle": [_page(root)],
    }


def _held(root: str, probe: str, seconds: int) -> Route:
    """Held requests wait for addresses under `open/`, at most `seconds`. While the hold lasts these lead nowhere; our own probes pass.

    A route for each bound: so none of them is a new configuration, and nothing is reloaded.
    """
    front = f"{root}/current/front"
    return {
        "match": [{"file": {"root": front, "try_files": [f"/held.{seconds}"]}, "not": [{"header": {"Shipway-Probe": [probe]}}]}],
        "terminal": True,
        "handle": [
            {
                "handler": "subroute",
                "routes": [{"handle": [_upstreams(f"{front}/open", f"{seconds}s", "250ms")]}],
                "errors": {"routes": [{"handle": [_page(root)]}]},
            }
        ],
    }


def _page(root: str) -> Route:
    """The page of the current generation, as the answer to any request."""
    return {
        "handler": "static_response",
        "status_code": 503,
        "headers": {"Content-Type": ["text/html; charset=utf-8"], "Cache-Control": ["no-store"], "Retry-After": ["30"]},
        "body": _content(f"{root}/current/front/page.html"),
    }


def _application(root: str) -> Route:
    """The routed process, at the addresses that the current generation names: read anew for every request and every retry."""
    return {
        "match": [{"file": {"root": f"{root}/current/front", "try_files": ["/1"]}}],
        "terminal": True,
        "handle": [_upstreams(f"{root}/current/front", "5s", "50ms")],
    }


def _upstreams(folder: str, try_duration: str, try_interval: str) -> Route:
    """A proxy to the addresses that stand in the files 1 to 12 of a folder, tried until one accepts."""
    return {
        "handler": "reverse_proxy",
        "upstreams": [{"dial": _content(f"{folder}/{slot}")} for slot in range(1, SLOTS + 1)],
        "load_balancing": {"selection_policy": {"policy": "random"}, "try_duration": try_duration, "try_interval": try_interval},
        # Idle connections are let go before any application server lets go of them: gunicorn does after 2 s.
        "transport": {"protocol": "http", "dial_timeout": "2s", "keep_alive": {"enabled": True, "idle_timeout": "1s"}},
        "headers": {"request": {"delete": ["Shipway-Probe"]}},
        "flush_interval": -1,
        "stream_close_delay": "1h",
    }


def _nothing(root: str) -> list[Route]:
    """A site of files has no more to say; and before the first deployment there is no site."""
    return [
        {
            "match": [{"file": {"root": f"{root}/current", "try_files": ["/release-id"]}}],
            "terminal": True,
            "handle": [{"handler": "error", "status_code": 404}],
        },
        {"handle": [{"handler": "error", "status_code": 503}]},
    ]


def _errors(root: str) -> list[Route]:
    """What a person sees who asks for what is not there, or while nobody answers."""
    static = f"{root}/current/front/static"
    return [
        {
            "match": [{"expression": "{http.error.status_code} == 404", "file": {"root": static, "try_files": ["/404.html"]}}],
            "terminal": True,
            "handle": [
                {"handler": "headers", "response": {"deferred": True, "set": {"Cache-Control": [ASKED]}, "delete": ["Last-Modified"]}},
                {"handler": "rewrite", "method": "GET", "uri": "/404.html"},
                {"handler": "file_server", "root": static, "status_code": 404},
            ],
        },
        {
            "match": [{"expression": "{http.error.status_code} in [500, 502, 503, 504]"}],
            "handle": [{"handler": "headers", "response": {"set": {"Cache-Control": ["no-store"], "Retry-After": ["5"]}}}],
        },
        {
            "handle": [
                {
                    "handler": "static_response",
                    "status_code": "{http.error.status_code}",
                    "headers": {"Content-Type": ["text/plain; charset=utf-8"]},
                    "body": "{http.error.status_code} {http.error.status_text}\n",
                }
            ]
        },
    ]


def _content(path: str) -> str:
    """The placeholder for what is in a file, read by Caddy whenever it needs it."""
    return "{file." + path + "}"
