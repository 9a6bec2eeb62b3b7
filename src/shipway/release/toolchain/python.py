"""A version of Python in, its exact one and its archives out: the standalone builds that uv installs too, or a mirror of them."""

from __future__ import annotations

import json
import re

from shipway.model.intent import Tool
from shipway.release.toolchain import fetch
from shipway.release.toolchain.resolved import Archive, Resolved, newest

LATEST = "https://raw.githubusercontent.com/astral-sh/python-build-standalone/latest-release/latest-release.json"
"""Names the newest release, and where its files are."""

TRIPLES = {
    "linux-x86_64": "x86_64-unknown-linux-gnu",
    "linux-aarch64": "aarch64-unknown-linux-gnu",
    "linux-armv7l": "armv7-unknown-linux-gnueabihf",
    "linux-ppc64le": "ppc64le-unknown-linux-gnu",
    "linux-s390x": "s390x-unknown-linux-gnu",
    "darwin-x86_64": "x86_64-apple-darwin",
    "darwin-arm64": "aarch64-apple-darwin",
}
"""What a host calls its platform → what the archives call it."""

NAME = re.compile(r"cpython-(?P<version>\d+\.\d+\.\d+)\+(?P<build>\d+)-(?P<triple>[a-z0-9_-]+)-install_only\.tar\.gz")


def resolve(tool: Tool) -> Resolved:
    """The newest version of a release that fits. A `mirror` is the directory of one release, with its SHA256SUMS. Raises Refused."""
    mirror = tool.mirror or _newest_release()
    sums: dict[str, dict[str, Archive]] = {}
    for line in fetch.text(f"{mirror}/SHA256SUMS").splitlines():
        digest, _, name = line.partition("  ")
        found = NAME.fullmatch(name.strip())
        if found is not None and len(digest.strip()) == 64:
            of_version = sums.setdefault(found["version"], {})
            of_version[found["triple"]] = Archive(f"{mirror}/{name.strip().replace('+', '%2B')}", digest.strip().lower())
    version = newest(tool.version, list(sums))
    if version is None:
        there = ", ".join(sorted(sums)) or "none"
        raise fetch.not_to_be_had(f"{mirror} has no Python {tool.version}", f"set one of those in shipway.toml and commit: {there}")
    archives = {platform: sums[version][triple] for platform, triple in TRIPLES.items() if triple in sums[version]}
    return Resolved("python", version, archives)


def _newest_release() -> str:
    try:
        return str(json.loads(fetch.text(LATEST))["asset_url_prefix"])
    except (ValueError, KeyError, TypeError):
        raise fetch.not_to_be_had(f"{LATEST} names no release", "set `mirror` to the directory of one, with its SHA256SUMS") from None
