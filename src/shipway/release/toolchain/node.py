"""A version of Node.js in, its exact one and its archives out: as nodejs.org/dist lists them, or a mirror with the same files."""

from __future__ import annotations

import json

from shipway.model.intent import Tool
from shipway.release.toolchain import fetch
from shipway.release.toolchain.resolved import Archive, Resolved, newest

MIRROR = "https://nodejs.org/dist"

PLATFORMS = {
    "linux-x86_64": "linux-x64",
    "linux-aarch64": "linux-arm64",
    "linux-armv7l": "linux-armv7l",
    "linux-ppc64le": "linux-ppc64le",
    "linux-s390x": "linux-s390x",
    "darwin-x86_64": "darwin-x64",
    "darwin-arm64": "darwin-arm64",
}
"""What a host calls its platform → what the archives call it."""


def resolve(tool: Tool) -> Resolved:
    """The newest version that fits. Raises Refused (code "toolchain")."""
    mirror = tool.mirror or MIRROR
    version = tool.version if tool.version.count(".") == 2 else newest(tool.version, _known(mirror))
    if version is None:
        raise fetch.not_to_be_had(f"{mirror} has no Node.js {tool.version}", "set one that is in its index.json in shipway.toml and commit")
    sums: dict[str, str] = {}
    for line in fetch.text(f"{mirror}/v{version}/SHASUMS256.txt").splitlines():
        digest, _, name = line.partition("  ")
        sums[name.strip()] = digest.strip().lower()
    names = {platform: f"node-v{version}-{called}.tar.gz" for platform, called in PLATFORMS.items()}
    archives = {
        platform: Archive(f"{mirror}/v{version}/{name}", sums[name]) for platform, name in names.items() if len(sums.get(name, "")) == 64
    }
    return Resolved("node", version, archives)


def _known(mirror: str) -> list[str]:
    url = f"{mirror}/index.json"
    try:
        listed = json.loads(fetch.text(url))
        versions = [str(row["version"]).removeprefix("v") for row in listed]
    except (ValueError, KeyError, TypeError):
        raise fetch.not_to_be_had(f"{url} is no list of versions of Node.js", "set another `mirror`, or a version in full") from None
    return [version for version in versions if version.count(".") == 2 and version.replace(".", "").isdigit()]
