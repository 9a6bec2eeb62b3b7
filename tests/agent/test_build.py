"""The call `build`: an exact tree in a clean environment, declared outputs as blobs, and nothing of a build that did not end well."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from shipway_agent import manifest
from shipway_agent.build import DONE, FOLDER, UNUSED_SECONDS, build
from shipway_agent.call import Call, Place
from shipway_agent.errors import AgentError
from shipway_agent.manifest import Entry, digest
from shipway_agent.primitives import blobs, intake
from shipway_agent.root import Root

INPUTS = digest(b"the inputs")


class Host:
    """A root of a build host. `lines` are what builds printed."""

    def __init__(self, root: Root) -> None:
        self.root = root
        self.lines: list[str] = []
        self.ended = threading.Event()

    def tree(self, **files: str) -> str:
        """The digest of a tree whose contents are here, as an operator has sent them."""
        contents = {digest(text.encode()): text.encode() for text in files.values()}
        rows = [Entry(manifest.FILE, os.fsencode(name), digest(text.encode()), len(text.encode())) for name, text in files.items()]
        data = manifest.write(rows)
        contents[digest(data)] = data
        with self.call({}) as call:
            wanted = [(name, False, len(content)) for name, content in contents.items()]
            blobs.keep(call.root, wanted, [b"".join(contents.values())])
        return digest(data)

    def tool(self, name: str, text: str) -> dict[str, str]:
        """A tool with one program, whose blobs are here."""
        content = text.encode()
        data = manifest.write([Entry(manifest.EXECUTABLE, f"bin/{name}".encode(), digest(content), len(content))])
        with self.call({}) as call:
            wanted = [(digest(content), True, len(content)), (digest(data), False, len(data))]
            blobs.keep(call.root, wanted, [content + data])
        return {"place": f"{name}-1.0-{digest(data)[:16]}", "manifest": digest(data)}

    def call(self, args: Mapping[str, Any]) -> Call:
        return Call(Place(self.root, "", "build-host", ""), dict(args), (), lambda event: self.lines.append(event["line"]), self.ended)

    def build(self, tree: str, *run: Any, outputs: tuple[str, ...] = ("out",), inputs: str = INPUTS, **more: Any) -> dict[str, Any]:
        args = {"inputs": inputs, "manifest": tree, "run": list(run), "outputs": list(outputs), "env": {}, "timeout_seconds": 30.0, **more}
        with self.call(args) as call:
            return build(call)

    def fails(self, code: str, tree: str, *run: Any, **more: Any) -> AgentError:
        with pytest.raises(AgentError) as caught:
            self.build(tree, *run, **more)
        assert caught.value.code == code, caught.value.message
        assert [name for name in self.root.names(FOLDER) if name.startswith(".")] == [], "nothing is left half made"
        assert self.root.names(DONE) == []
        return caught.value

    def made(self, answer: Mapping[str, Any]) -> dict[str, tuple[str, bytes]]:
        entries = manifest.read(blobs.read(self.root, answer["manifest"]))
        return {os.fsdecode(e.path): (e.kind, self.content(e) if e.is_file else e.target) for e in entries}

    def place(self, entry: Entry) -> Path:
        return Path(self.root.path, intake.FOLDER, intake.shelf_of(entry.digest), intake.name_of(entry.digest, entry.executable))

    def content(self, entry: Entry) -> bytes:
        return self.place(entry).read_bytes()


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    with Root(str(tmp_path / "builds"), create=True) as root:
        yield Host(root)


def test_outputs_are_kept_exactly_and_found_again(host: Host) -> None:
    tree = host.tree(word="b")
    made = host.build(tree, "mkdir out; cp word out/w; cp word out/x; chmod +x out/x; ln -s w out/l", ["cp", "word", "out/$PORT"])
    assert host.made(made) == {
        "out/$PORT": ("file", b"b"),
        "out/l": ("link", b"w"),
        "out/w": ("file", b"b"),
        "out/x": ("executable", b"b"),
    }
    assert not made["reused"] and host.lines[-1] == "$ cp word out/$PORT"
    host.lines.clear()
    assert host.build(tree, "false") == {**made, "reused": True}, "whatever the command: the inputs are what counts"
    assert host.lines == []


def test_a_build_may_write_over_what_it_was_given_and_the_next_is_given_it_unchanged(host: Host) -> None:
    tree = host.tree(word="given")
    made = host.build(tree, "echo changed > word; cp word out")
    assert host.made(made)["out"][1] == b"changed\n"
    assert host.made(host.build(tree, "cp word out", inputs=digest(b"others")))["out"][1] == b"given"


def test_it_sees_a_plain_environment(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_SECRET", "s")
    made = host.build(host.tree(a="1"), "env > out", env={"NODE_ENV": "production"})
    said = host.made(made)["out"][1].decode().splitlines()
    names = {line.split("=")[0] for line in said}
    assert "SOME_SECRET" not in names and {"PATH", "SOURCE_DATE_EPOCH"} <= names and "NODE_ENV=production" in said


@pytest.mark.parametrize(
    ("run", "more", "code", "words"),
    [
        (["echo first", "echo last words; exit 7"], {}, "build-failed", ["`echo last words; exit 7` ended with 7", "last words"]),
        ([["no-such-program"]], {}, "build-failed", ["`no-such-program` cannot be started"]),
        (["kill -9 $$"], {}, "build-failed", ["was ended by signal 9"]),
        (["echo begins; sleep 60"], {"timeout_seconds": 0.5}, "build-failed", ["took longer than 0.5 s", "begins"]),
        (["true"], {}, "build-outputs", ["out: is declared as an output, and the commands made nothing there"]),
        (["mkfifo out"], {}, "build-outputs", ["out: is neither a file, a directory nor a link"]),
    ],
)
def test_what_fails_says_why_and_leaves_nothing(host: Host, run: list[Any], more: dict[str, Any], code: str, words: list[str]) -> None:
    error = host.fails(code, host.tree(a="1"), *run, **more)
    for word in words:
        assert word in "\n".join([error.message, *error.lines])


def test_it_ends_with_its_channel(host: Host) -> None:
    threading.Timer(0.3, host.ended.set).start()
    host.fails("ended", host.tree(a="1"), "sleep 60")


def test_content_that_is_gone_or_damaged_is_asked_for(host: Host) -> None:
    tree = host.tree(word="b", other="c")
    (entry, *_) = manifest.read(blobs.read(host.root, tree))
    host.place(entry).chmod(0o644)
    host.place(entry).write_bytes(b"?")
    assert host.fails("lacking", tree, "true").facts["blobs"] == [[entry.digest, False]]
    assert not host.place(entry).exists(), "so that it is sent again"


def test_a_damaged_result_is_built_anew(host: Host) -> None:
    tree = host.tree(word="b")
    made = host.build(tree, "tr b z < word > out")
    (entry,) = manifest.read(blobs.read(host.root, made["manifest"]))
    host.place(entry).chmod(0o644)
    host.place(entry).write_bytes(b"?")
    assert host.build(tree, "tr b z < word > out") == made
    assert host.content(entry) == b"z"


def test_two_at_once_are_one(host: Host, tmp_path: Path) -> None:
    tree = host.tree(a="1")
    run = f"echo one >> {tmp_path}/count; until test -e {tmp_path}/go; do sleep 0.05; done; echo done > out"
    answers: list[dict[str, Any]] = []
    threads = [threading.Thread(target=lambda: answers.append(host.build(tree, run))) for _ in range(2)]
    for thread in threads:
        thread.start()
    while not any("being built here already" in line for line in host.lines):
        assert all(thread.is_alive() for thread in threads)
        threads[0].join(0.02)
    (tmp_path / "go").touch()
    for thread in threads:
        thread.join(60)
    assert sorted(answer["reused"] for answer in answers) == [False, True]
    assert (tmp_path / "count").read_text() == "one\n"


def test_tools_come_first_in_path_and_go_when_no_build_has_used_them_for_long(host: Host) -> None:
    tool = host.tool("node", "#!/bin/sh\necho a node of our own\n")
    tree = host.tree(a="1")
    assert host.made(host.build(tree, "node > out", tools=[tool]))["out"][1] == b"a node of our own\n"
    os.utime(Path(host.root.path, "toolchains", tool["place"]), (0, 0))
    host.build(tree, "echo none > out", inputs=digest(b"without"))
    assert host.root.names("toolchains") == []


def test_what_nothing_used_for_long_is_forgotten(host: Host) -> None:
    old = host.build(host.tree(a="1"), "echo old > out")
    for path in Path(host.root.path).rglob("*"):
        if path.is_file():
            os.utime(path, (0, path.stat().st_mtime - UNUSED_SECONDS - 1))
    host.build(host.tree(b="2"), "echo new > out", inputs=digest(b"new"))
    assert host.root.names(DONE) == [digest(b"new")]
    with pytest.raises(AgentError):
        blobs.read(host.root, old["manifest"])
