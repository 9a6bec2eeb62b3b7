"""A few lines of Python in, a channel to a child that runs them out: the other end of the wire, honest or not."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import shipway_agent
from shipway.model.intent import Host
from shipway.transports.channel import FramedChannel
from shipway.transports.link import Link, start

HOST = Host("a", "deploy@a.example")

SOURCES = str(Path(shipway_agent.__file__).parent.parent)

HEADER = f"""
import json, os, struct, sys, time
sys.path.insert(0, {SOURCES!r})
from shipway_agent.protocol import Frame, Unpacking
unpacking = Unpacking()
source, sink = sys.stdin.buffer, sys.stdout.buffer
def take():
    length, kind, number = struct.unpack(">IBI", source.read(9))
    return tuple(unpacking.frame(Frame(kind, number, source.read(length))))
def raw(data):
    sink.write(data); sink.flush()
def frame(kind, number, payload):
    raw(struct.pack(">IBI", len(payload), kind, number) + payload)
def event(number, **value): frame(2, number, json.dumps(value).encode())
def answer(number, **value): frame(3, number, json.dumps(value).encode())
def refuse(number, **value): frame(4, number, json.dumps(value).encode())
"""
"""What each of them can use: `take()` reads a frame, the others write one."""


@asynccontextmanager
async def channel_to(program: str) -> AsyncIterator[FramedChannel]:
    """A channel to `program`, closed at the end."""
    link = await child(program)
    channel = FramedChannel(HOST, link)
    try:
        yield channel
    finally:
        await channel.close()


async def child(program: str) -> Link:
    """A link to a Python child with HEADER in front of `program`."""
    return await start([sys.executable, "-I", "-S", "-c", HEADER + program], env=os.environ, kill=True)
