"""Nothing in; out, hosts that wait for each other for longer: on a busy machine a slow one is no reason to be sent the agent from here."""

from __future__ import annotations

import zlib

import pytest

from shipway.transports import bootstrap, passing
from shipway.transports.greeting import packed


def be_patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """For one test. Raises AssertionError where arrive.py has no such times."""

    def patient(name: str, without: str = "") -> bytes:
        if name != "arrive.py":
            return packed(name, without)
        program = zlib.decompress(packed(name, without).partition(b"\n")[2])
        for seconds in (b"FETCH_SECONDS = 4.0", b"GIVE_SECONDS = 20.0"):
            assert seconds in program
            program = program.replace(seconds, seconds.split(b"=")[0] + b"= 120.0")
        again = zlib.compress(program)
        return b"%d\n%s" % (len(again), again)

    monkeypatch.setattr(bootstrap, "packed", patient)
    monkeypatch.setattr(passing, "WAIT_SECONDS", 120.0)
