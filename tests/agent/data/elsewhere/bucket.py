"""Nothing in, a store of S3 on this machine out: moto's server, which checks every signature and knows one user."""

from __future__ import annotations

import hashlib
import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.request import Request, urlopen

import boto3  # type: ignore[import-untyped]  # it has no types
from moto import settings
from moto.moto_server.threaded_moto_server import ThreadedMotoServer

BUCKET = "points"
REGION = "us-east-1"
ALLOWED = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]})


class Bucket:
    """One bucket. `variables` are what the data's env would have."""

    def __init__(self, endpoint: str, access: str, secret: str) -> None:
        self.endpoint = endpoint
        self.variables = {
            "AWS_ACCESS_KEY_ID": access,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL": endpoint,
        }
        self.client = boto3.client("s3", endpoint_url=endpoint, region_name=REGION, aws_access_key_id=access, aws_secret_access_key=secret)

    def keys(self) -> list[str]:
        """What is in it."""
        return sorted(one["Key"] for one in self.client.list_objects_v2(Bucket=BUCKET).get("Contents", ()))

    def uploads(self) -> int:
        """How many uploads in parts are not complete."""
        return len(self.client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", ()))


@contextmanager
def bucket() -> Iterator[Bucket]:
    """As a block."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        endpoint = "http://{}:{}".format(*server.get_host_and_port())
        urlopen(Request(f"{endpoint}/moto-api/reset", method="POST")).close()  # what it knows is this process's, not this server's
        anybody = {"endpoint_url": endpoint, "region_name": REGION, "aws_access_key_id": "x", "aws_secret_access_key": "x"}
        iam = boto3.client("iam", **anybody)
        iam.create_user(UserName="ann")
        iam.put_user_policy(UserName="ann", PolicyName="all", PolicyDocument=ALLOWED)
        keys = iam.create_access_key(UserName="ann")["AccessKey"]
        boto3.client("s3", **anybody).create_bucket(Bucket=BUCKET)
        with checked():
            yield Bucket(endpoint, keys["AccessKeyId"], keys["SecretAccessKey"])
    finally:
        server.stop()


@contextmanager
def checked() -> Iterator[None]:
    """From here on nobody is let in without a good signature."""
    before, settings.INITIAL_NO_AUTH_ACTION_COUNT = settings.INITIAL_NO_AUTH_ACTION_COUNT, 0
    try:
        yield
    finally:
        settings.INITIAL_NO_AUTH_ACTION_COUNT = before


class Cutting:
    """A port that passes connections on to another, and breaks each of the next `cuts` after so many bytes from its client."""

    def __init__(self, port: int, after_bytes: int, cuts: int) -> None:
        self._port = port
        self._after = after_bytes
        self.cuts = cuts
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._closing = False
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def close(self) -> None:
        self._closing = True
        socket.create_connection(("127.0.0.1", self.port)).close()  # wakes who waits in accept
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _accept(self) -> None:
        while not self._closing:
            client, _ = self._listener.accept()
            server = socket.create_connection(("127.0.0.1", self._port))
            done = threading.Barrier(2)
            for source, target, counted in ((client, server, True), (server, client, False)):
                self._threads.append(threading.Thread(target=self._pass, args=(source, target, counted, done), daemon=True))
                self._threads[-1].start()

    def _pass(self, source: socket.socket, target: socket.socket, counted: bool, done: threading.Barrier) -> None:
        passed = 0
        try:
            while data := source.recv(65536):
                target.sendall(data)
                passed += len(data)
                if counted and self.cuts > 0 and passed > self._after:
                    self.cuts -= 1
                    break
        except OSError:
            pass  # the other side has broken it off
        for one in (source, target):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it is closed already
        done.wait()
        source.close()


class Slow(BaseHTTPRequestHandler):
    """A store that takes most of a file at a few megabytes a second, and what the sockets hold of it at the end at once. It keeps one."""

    HOLDS = 6 << 20
    PIECE, PAUSE_SECONDS = 1 << 16, 0.015
    tag, size = "", 0

    def do_GET(self) -> None:
        self._answer(0)

    def do_HEAD(self) -> None:
        self._answer(Slow.size)

    def do_PUT(self) -> None:
        left, content = int(self.headers["content-length"]), hashlib.new("md5", usedforsecurity=False)
        Slow.size = left
        while left:
            part = self.rfile.read(min(left, self.PIECE))
            if not part:
                return  # the other side has given up
            left -= len(part)
            content.update(part)
            if left > self.HOLDS:
                time.sleep(self.PAUSE_SECONDS)
        Slow.tag = content.hexdigest()
        self._answer(0)

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self, length: int) -> None:
        self.send_response(200)
        self.send_header("ETag", f'"{Slow.tag}"')
        self.send_header("Content-Length", str(length))
        self.end_headers()


@contextmanager
def slow() -> Iterator[str]:
    """Its endpoint, as a block."""
    with HTTPServer(("127.0.0.1", 0), Slow) as server:
        server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
