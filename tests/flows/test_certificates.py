"""What a visitor is shown, asked of a real listener with TLS: how long it is good, and why it is not trusted."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from pathlib import Path

import pytest

from shipway.flows.certificates import certificates
from shipway.model.finding import Certificate
from tests.stories.project import free_ports

NAMES = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for localhost that signs itself, good for 40 days, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "40"]
    subprocess.run(["openssl", "req", *kind, *NAMES, "-keyout", key, "-out", certificate], check=True, capture_output=True, timeout=60)
    return certificate, key


def shown(made: tuple[Path, Path], trust: ssl.SSLContext) -> Certificate:
    async def ask() -> Certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*made)

        def leave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.close()

        server = await asyncio.start_server(leave, "127.0.0.1", 0, ssl=context)
        async with server:
            port = server.sockets[0].getsockname()[1]
            return (await certificates(["localhost"], trust, port))["localhost"]

    return asyncio.run(ask())


def test_a_trusted_one_says_how_long_it_is_good(made: tuple[Path, Path]) -> None:
    found = shown(made, ssl.create_default_context(cafile=made[0]))
    assert found.days_left is not None and 39 < found.days_left <= 40 and found.fault == ""


def test_one_that_nobody_trusts_says_why(made: tuple[Path, Path]) -> None:
    found = shown(made, ssl.create_default_context())
    assert found.days_left is None and "self" in found.fault and "signed" in found.fault


def test_where_nobody_listens_that_is_said() -> None:
    (port,) = free_ports(1)
    found = asyncio.run(certificates(["localhost"], port=port))["localhost"]
    assert found.days_left is None and str(port) in found.fault
