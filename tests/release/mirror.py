"""Files in, a web server on loopback that has them out: what nodejs.org/dist and the releases of python-build-standalone look like."""

from __future__ import annotations

import hashlib
import http.server
import io
import tarfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote


class Mirror:
    """`files` maps the path of a URL to its content or to the file that has it; `asked` are the paths that were asked for."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.files: dict[str, bytes | Path] = {}
        self.asked: list[str] = []

    def node(self, version: str, archive: bytes | Path, platform: str = "linux-x64", digest: str = "") -> None:
        """A version of Node as nodejs.org has it; `digest` in place of the right one."""
        name = f"node-v{version}-{platform}.tar.gz"
        self.files[f"v{version}/{name}"] = archive
        self.files[f"v{version}/SHASUMS256.txt"] = f"{digest or sha256(archive)}  {name}\n".encode()

    def python(self, version: str, archive: bytes | Path, triple: str = "x86_64-unknown-linux-gnu") -> None:
        """A version of Python in one release of python-build-standalone."""
        name = f"cpython-{version}+20260101-{triple}-install_only.tar.gz"
        self.files[name] = archive
        before = self.files.get("SHA256SUMS", b"")
        assert isinstance(before, bytes)
        self.files["SHA256SUMS"] = before + f"{sha256(archive)}  {name}\n".encode()


@contextmanager
def mirror() -> Iterator[Mirror]:
    """A mirror that is gone at the end."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = unquote(self.path).lstrip("/")
            made.asked.append(path)
            content = made.files.get(path)
            if content is None:
                self.send_error(404)
                return
            data = content.read_bytes() if isinstance(content, Path) else content
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = False  # its end waits for theirs

    with Server(("127.0.0.1", 0), Handler) as server:
        made = Mirror(f"http://127.0.0.1:{server.server_address[1]}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield made
        finally:
            server.shutdown()


def sha256(content: bytes | Path) -> str:
    return hashlib.sha256(content.read_bytes() if isinstance(content, Path) else content).hexdigest()


def tar(*members: tuple[str, Mapping[str, Any] | bytes | str]) -> bytes:
    """An archive. A member is a path with its content (executable below bin/), with "→ target" for a link, or with fields of a TarInfo."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        for name, what in members:
            member = tarfile.TarInfo(name)
            content = what if isinstance(what, bytes) else b""
            if isinstance(what, str):
                member.type, member.linkname = tarfile.SYMTYPE, what.removeprefix("→ ")
            elif isinstance(what, Mapping):
                for key, value in what.items():
                    setattr(member, key, value)
            member.size = len(content)
            member.mode = 0o755 if "/bin/" in name else 0o644
            archive.addfile(member, io.BytesIO(content))
    return made.getvalue()
