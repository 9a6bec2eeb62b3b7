"""Key and certificates of one deployment in, the two ends of TLS out: who has no certificate of its authority learns nothing.

They come over ssh and live in memory. No authority of the machine counts, and none but this deployment's is ever asked.
"""

from __future__ import annotations

import os
import ssl

from shipway_agent.errors import AgentError
from shipway_agent.folder import Folder, write_file
from shipway_agent.record import dataclass, field
from shipway_agent.typed import Any, Mapping

PLACE = "run"


@dataclass(frozen=True)
class Credentials:
    """What one host has for one deployment, as PEM: its private key, its certificate, and the authority that signed all of them."""

    key: str = field(repr=False)
    certificate: str
    authority: str

    @classmethod
    def read(cls, said: Mapping[str, Any]) -> Credentials:
        """From the base64 of DER that the operator sends. Raises AgentError `feed` where something lacks."""
        try:
            key, certificate, authority = (str(said[name]) for name in ("key", "certificate", "authority"))
        except KeyError as error:
            raise AgentError("feed", f"the credentials of this deployment lack {error}") from None
        return cls(_pem("PRIVATE KEY", key), _pem("CERTIFICATE", certificate), _pem("CERTIFICATE", authority))


def giving(credentials: Credentials, root: Folder) -> ssl.SSLContext:
    """The end that is dialled. Raises AgentError `feed`."""
    return _context(ssl.PROTOCOL_TLS_SERVER, credentials, root)


def taking(credentials: Credentials, root: Folder) -> ssl.SSLContext:
    """The end that dials, and takes only the certificate with the number that it dialled. Raises AgentError `feed`."""
    return _context(ssl.PROTOCOL_TLS_CLIENT, credentials, root)


def _context(end: Any, credentials: Credentials, root: Folder) -> ssl.SSLContext:
    try:
        context = ssl.SSLContext(end)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=credentials.authority)
        _load(context, credentials, root)
    except (OSError, ValueError, AttributeError) as error:  # ssl.SSLError is an OSError; an old library has no TLS 1.3
        raise AgentError("feed", f"this host cannot speak TLS 1.3 with the others: {error}") from None
    return context


def _load(context: ssl.SSLContext, credentials: Credentials, root: Folder) -> None:
    """The library reads a key from a file only: one in memory, where the kernel has that, else one of ours that is gone at once."""
    data = f"{credentials.key}{credentials.certificate}".encode()
    memory = getattr(os, "memfd_create", None)
    if memory is not None:
        fd = memory("feed", os.MFD_CLOEXEC)
        try:
            os.write(fd, data)
            context.load_cert_chain(f"/proc/self/fd/{fd}")
        finally:
            os.close(fd)
        return
    name = f".feed-{os.urandom(8).hex()}"
    with root.at(PLACE, create=True, mode=0o700) as place:
        try:
            write_file(place.fd, name, data, 0o600, sync=False)
            context.load_cert_chain(place.full(name))
        finally:
            place.unlink(name)


def _pem(what: str, text: str) -> str:
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    return "\n".join([f"-----BEGIN {what}-----", *lines, f"-----END {what}-----", ""])
