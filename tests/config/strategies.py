"""Nothing in, configurations out: documents that are valid, documents with one thing wrong, and the strings that attackers like."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

few = settings(max_examples=25, deadline=None)
"""For properties of whole documents, which are dear to draw; time is no property on a loaded machine."""

many = settings(max_examples=200, deadline=None)

names = st.from_regex(r"[a-z0-9][a-z0-9-]{0,12}", fullmatch=True)
env_names = st.from_regex(r"[A-Z_][A-Z0-9_]{0,10}", fullmatch=True).filter(
    lambda name: name not in ("PORT", "SOCKET", "RELEASE") and not name.startswith("SHIPWAY_")
)
env_values = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
parts = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._ -]{0,8}[A-Za-z0-9]", fullmatch=True)
paths = st.lists(parts, min_size=1, max_size=3).map("/".join)
commands: st.SearchStrategy[Any] = st.one_of(
    st.from_regex(r"[a-z]{1,8}( --[a-z]{1,5})?( \$(PORT|SOCKET|\{PORT\}))?", fullmatch=True),
    st.lists(st.from_regex(r"[a-z$A-Z]{1,8}", fullmatch=True), min_size=1, max_size=3),
)
seconds = st.one_of(st.integers(1, 3600), st.floats(1, 3600))
references = st.one_of(
    st.fixed_dictionaries({"env": env_names}),
    st.fixed_dictionaries({"command": commands.filter(lambda one: "${" not in one)}, optional={"timeout_seconds": st.integers(1, 600)}),
)
env = st.dictionaries(env_names, st.one_of(env_values, references), max_size=3)
domains = st.from_regex(r"[a-z]{1,5}(-[a-z]{1,3})?(\.[a-z]{2,5}){1,2}", fullmatch=True)
page_paths = st.from_regex(r"/[a-z0-9/?=&%._-]{0,12}", fullmatch=True)

hostile = st.one_of(
    st.sampled_from(
        ["-oProxyCommand=touch /tmp/x", "a;id", "$(id)", "`id`", "x\ny", "localhost\n", "%h%n", "-a", "a b", "A", "", "a" * 256]
    ),
    st.sampled_from([".", "..", "../x", "/abs", "~/x", "a//b", "a/./b", "a/../b", ".git", "a/.GIT/b"]),
    st.sampled_from(["\x00", "\x1b[31mred", "\u202eevil", "sh\u043ep", "\u00e9", "e\u0301", "a\u200b"]),
)


def optional(**fields: st.SearchStrategy[Any]) -> dict[str, st.SearchStrategy[Any]]:
    """Readable at the call: keys that may be left out."""
    return fields


pages = st.one_of(
    page_paths,
    st.fixed_dictionaries(
        {"path": page_paths},
        optional=optional(
            status=st.one_of(st.integers(100, 599), st.lists(st.integers(100, 599), min_size=1, max_size=3)),
            contains=st.text(min_size=1, max_size=8).filter(lambda text: "\0" not in text),
            timeout_seconds=seconds,
        ),
    ),
)
processes = st.fixed_dictionaries(
    {"run": commands},
    optional=optional(instances=st.integers(1, 12), health=pages, drain_seconds=seconds, directory=paths, env=env),
)
tasks = st.fixed_dictionaries(
    {"name": names, "run": commands},
    optional=optional(
        phase=st.sampled_from(["prepare", "activate"]),
        once=st.booleans(),
        timeout_seconds=seconds,
        env=env,
        check=commands,
        undo=commands,
        directory=paths,
    ),
)
versions = st.sampled_from(["22", "3.12", "20.11.1"])
jobs = st.fixed_dictionaries(
    {"name": names, "run": commands, "schedule": st.sampled_from(["@daily", "0 3 * * *", "*/5 8-18 1,15 JAN-jun mon-fri"])},
    optional=optional(
        timezone=st.sampled_from(["UTC", "Europe/Berlin"]), catch_up=st.booleans(), timeout_seconds=seconds, env=env, directory=paths
    ),
)


boxes = st.from_regex(r"[a-z]{1,6}(\.[a-z]{1,4})?@[a-z]{1,6}\.example", fullmatch=True)
variables = st.fixed_dictionaries({"env": env_names})
notify = st.one_of(
    st.fixed_dictionaries({"webhook": st.one_of(page_paths.map(lambda path: f"https://chat.example{path}"), variables)}),
    st.fixed_dictionaries({"command": commands}),
    st.fixed_dictionaries(
        {
            "email": st.fixed_dictionaries(
                {"to": st.lists(boxes, min_size=1, max_size=2), "sender": boxes, "server": st.just("smtp://u@h:25"), "password": variables}
            )
        }
    ),
)
occasions = st.sampled_from(["failure", "always", ["success"], ["failure", "success"]])


@st.composite
def environments(draw: st.DrawFn, number: int) -> dict[str, Any]:
    """A valid environment; its hosts differ from those of other numbers."""
    count = draw(st.integers(1, 3))
    hosts: list[Any] = []
    for index in range(count):
        if draw(st.booleans()):
            hosts.append(
                {
                    "name": f"local-{index}",
                    "address": "local",
                    "root": f"~/roots/{number}-{index}",
                    "listen": f"127.0.0.1:{8000 + index}",
                }
            )
        else:
            hosts.append(draw(st.sampled_from([f"deploy@h{index}.example.org", {"address": f"10.0.0.{index}", "peer": "10.1.0.1"}])))
    rest = draw(
        st.fixed_dictionaries(
            {},
            optional=optional(
                domains=st.lists(domains, unique=True, max_size=2),
                requires=st.fixed_dictionaries(
                    {}, optional=optional(clean=st.booleans(), branch=names, checks=st.lists(commands, max_size=2))
                ),
                env=env,
                key_pages=st.lists(pages, max_size=2),
                confirm_seconds=seconds,
                lease_seconds=seconds,
                watch_seconds=seconds,
                keep_releases=st.integers(1, 20),
                notify=st.lists(st.tuples(notify, occasions).map(lambda both: {**both[0], "on": both[1]}), max_size=2),
                keep_warm_seconds=st.integers(0, 3600),
            ),
        )
    )
    if draw(st.booleans()):
        batch_hosts = draw(st.integers(1, len(hosts)))
        rest |= {"strategy": "rolling", "batch_hosts": batch_hosts, "floor_hosts": draw(st.integers(0, len(hosts) - batch_hosts))}
    elif draw(st.booleans()):
        rest["strategy"] = "together"
    return {"hosts": hosts, **rest}


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """A valid document, as the data that its TOML says."""
    document: dict[str, Any] = {"app": draw(names), "process": {"web": draw(processes)}}
    document["process"] |= draw(st.dictionaries(names.filter(lambda name: name != "web"), processes, max_size=2))
    if draw(st.booleans()):
        tool = st.one_of(versions, st.fixed_dictionaries({"version": versions, "mirror": st.just("https://mirror.example.org/dist")}))
        document["toolchain"] = draw(st.dictionaries(st.sampled_from(["node", "python"]), tool, min_size=1))
    document["task"] = draw(st.lists(st.one_of(tasks, jobs), max_size=3, unique_by=lambda task: task["name"]))
    document["environment"] = {name: draw(environments(index)) for index, name in enumerate(draw(st.lists(names, max_size=2, unique=True)))}
    document |= draw(st.fixed_dictionaries({}, optional=optional(subdirectory=paths, static=paths, env=env)))
    if "static" in document and draw(st.booleans()):
        document["assets"] = [f"{document['static']}/assets"]
    if draw(st.booleans()):
        document["shared"] = ["shared-a", "shared-b"]
    if draw(st.booleans()):
        document["build"] = {
            "run": draw(st.lists(commands, min_size=1, max_size=2)),
            "outputs": ["built/one"],
            "on": draw(st.sampled_from(["local", "ci@10.0.0.9", "builder"])),
        }
    return document


def toml(document: dict[str, Any]) -> str:
    """The document as TOML text, tables as tables, everything below them inline."""
    lines = [f"{key} = {inline(value)}" for key, value in document.items() if key not in ("process", "task", "environment", "build")]
    if "build" in document:
        lines += ["", "[build]", *(f"{key} = {inline(value)}" for key, value in document["build"].items())]
    for table in ("process", "environment"):
        for name, content in document.get(table, {}).items():
            lines += ["", f"[{table}.{inline(name)}]", *(f"{key} = {inline(value)}" for key, value in content.items())]
    for task in document.get("task", []):
        lines += ["", "[[task]]", *(f"{key} = {inline(value)}" for key, value in task.items())]
    return "\n".join(lines) + "\n"


def inline(value: Any) -> str:
    """One value as TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{inline(key)} = {inline(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(inline(item) for item in value) + "]"
    if isinstance(value, str):
        # JSON's escapes are TOML's, but for DEL and for characters beyond the first plane.
        return '"' + "".join(char if ord(char) > 0xFFFF else json.dumps(char)[1:-1].replace("\x7f", "\\u007f") for char in value) + '"'
    return repr(value)
