"""A webhook and an entry in, the entry there or Undelivered out: one POST, no redirect followed, only the status of the answer read."""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any, Mapping

from shipway_agent.notifications import targets, words
from shipway_agent.notifications.connect import Undelivered, bounded, connect, encrypted, why

ANSWER_BYTES = 4096


def send(target: Mapping[str, Any], entry: Mapping[str, Any]) -> None:
    """Post it. Any status of 200 to 299 is an arrival. Raises Undelivered."""
    place = targets.url(target["url"])
    body = json.dumps(words.payload(entry)).encode()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "shipway",
        "Idempotency-Key": str(entry["id"]),
        "Connection": "close",
    }
    connection = _Connection(place)
    try:
        with connect(place) as plain, bounded(plain):
            connection.sock = encrypted(plain, place.host) if place.scheme == "https" else plain
            connection.request("POST", place.path, body, headers)
            answer = connection.getresponse()
            answer.read(ANSWER_BYTES)
            status = answer.status
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Undelivered(why(error)) from None
    finally:
        connection.close()
    if 300 <= status < 400:
        raise Undelivered(f"it answers {status}: redirects are not followed")
    if not 200 <= status < 300:
        raise Undelivered(f"it answers {status}")


class _Connection(http.client.HTTPConnection):
    """Speaks over the socket it is given; without one it does not look for another."""

    sock: socket.socket

    def __init__(self, place: targets.Place) -> None:
        super().__init__(place.host, place.port)
        self.default_port = 443 if place.scheme == "https" else 80  # for the header Host

    def connect(self) -> None:
        raise OSError("the connection is gone")
