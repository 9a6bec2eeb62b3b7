"""A project and an intent in; out, the intent with the certificates of its own authority in place of the file that has them."""

from __future__ import annotations

import posixpath
import ssl

from shipway.flows.project import Project
from shipway.model.errors import WrongInput
from shipway.model.intent import Intent
from shipway_agent.record import replace

MOST_BYTES = 256 * 1024


def with_authority(project: Project, intent: Intent) -> Intent:
    """The file `ca` at HEAD, which the hosts get with their site. Raises Refused where it is not there, WrongInput where it is none."""
    tls = intent.environment.tls
    if not tls.authority:
        return intent
    path = posixpath.normpath(posixpath.join(project.place.directory, tls.authority))
    content = project.repository.read_file(project.commit, path)
    fault = _fault(content)
    if fault:
        raise WrongInput(
            f"{path} holds no certificates: {fault}",
            state="nothing was touched",
            hint=f"put the certificates of the authority into {path} as PEM (-----BEGIN CERTIFICATE-----), and commit",
            code="authority",
        )
    return replace(intent, environment=replace(intent.environment, tls=replace(tls, authority=content.decode("ascii"))))


def _fault(content: bytes) -> str:
    if len(content) > MOST_BYTES:
        return f"it has {len(content):,} bytes"
    if b"PRIVATE KEY" in content:
        return "it holds a private key, which must not travel"
    if b"-----BEGIN CERTIFICATE-----" not in content:
        return "there is none in it"
    try:
        ssl.create_default_context(cadata=content.decode("ascii"))
    except (ssl.SSLError, ValueError) as error:
        return str(error) or type(error).__name__
    return ""
