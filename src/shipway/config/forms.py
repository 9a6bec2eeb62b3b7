"""A value from the file in, the same value proved or a sentence out: each form is one check, one expectation, one JSON Schema."""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Callable
from difflib import get_close_matches
from typing import Annotated, Any, Literal, TypeAlias
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from shipway.config.secrets.value import MOST_BYTES
from shipway.model.intent import HOLD_SECONDS, Reference, Secret
from shipway_agent import schedule
from shipway_agent.data.elsewhere.place import place_of
from shipway_agent.notifications import targets

SLOTS = 12
"""Upstream slots of a listening process, so the most instances that the proxy can dial."""


class Form:
    """What one value must look like.

    `says` completes "should be …". `read` returns the value, or raises ValueError: bare for "not this form", or with a
    whole sentence when it knows better. `schema` is the JSON Schema of the same.
    """

    def __init__(self, says: str, read: Callable[[Any], Any], schema: dict[str, Any]) -> None:
        self.says = says
        self.read = read
        self.schema = schema

    def check(self, value: Any) -> Any:
        """The value as the model keeps it. Raises PydanticCustomError with the sentence for a person."""
        try:
            return self.read(value)
        except ValueError as fault:
            sentence = str(fault) or f"should be {self.says}"
            raise PydanticCustomError("form", "{sentence}", {"sentence": sentence}) from None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.check)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return dict(self.schema)


def matches(value: Any, pattern: str) -> str:
    """The string, when all of it fits the pattern."""
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        raise ValueError
    return value


def _pattern(says: str, pattern: str) -> Form:
    return Form(says, lambda value: matches(value, pattern), {"type": "string", "pattern": f"^{pattern}$"})


# --------------------------------------------------------------------- names

NAME_PATTERN = "[a-z0-9][a-z0-9-]{0,62}"
RESERVED_ENV = ("PORT", "SOCKET", "RELEASE")


def read_env_name(value: Any) -> str:
    """A name that an application may be given. Raises ValueError, with a reason for those that Shipway gives itself."""
    name = matches(value, "[A-Za-z_][A-Za-z0-9_]{0,254}")
    if name in RESERVED_ENV or name.startswith("SHIPWAY_"):
        raise ValueError("may not be set here: Shipway sets it for every process")
    return name


def _read_branch(value: Any) -> str:
    name = matches(value, r"[A-Za-z0-9_][A-Za-z0-9._/+@#-]{0,249}")
    parts = name.split("/")
    if ".." in name or "@{" in name or any(not part or part.startswith(".") or part.endswith((".", ".lock")) for part in parts):
        raise ValueError
    return name


Name: TypeAlias = Annotated[str, _pattern("a name of lower-case letters, digits and dashes, at most 63 long", NAME_PATTERN)]
EnvName: TypeAlias = Annotated[
    str,
    Form(
        "a variable's name of letters, digits and underscores",
        read_env_name,
        {"type": "string", "pattern": "^(?!(PORT|SOCKET|RELEASE)$|SHIPWAY_)[A-Za-z_][A-Za-z0-9_]*$"},
    ),
]
Variable: TypeAlias = Annotated[
    str, _pattern("the name of a variable behind a dollar sign, such as $DATABASE_URL", "\\$[A-Za-z_][A-Za-z0-9_]{0,254}")
]
Branch: TypeAlias = Annotated[str, Form("the name of a git branch", _read_branch, {"type": "string"})]


# ---------------------------------------------------------- text and numbers


def _read_plain_value(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError
    if "\0" in value:
        raise ValueError("may not hold a NUL character: no process can receive one")
    if len(value.encode()) > MOST_BYTES:
        raise ValueError(f"may be at most {MOST_BYTES:,} bytes long: the kernel takes no more in one variable")
    return value


def _read_env_value(value: Any) -> str | Reference:
    return _read_reference(value) if isinstance(value, dict) else _read_plain_value(value)


def _read_reference(value: dict[str, Any]) -> Reference:
    if list(value) == ["env"]:
        found = _read_variable(value)
        return Reference(variable=found.variable if found is not None else "")
    if "command" not in value or not set(value) <= {"command", "timeout_seconds"}:
        raise ValueError('should be { command = "…" }, with timeout_seconds where 30 are not enough, or { env = "NAME" }')
    try:
        command = read_command(value["command"])
    except ValueError as fault:
        raise ValueError(str(fault) or "should have a command that is a string for /bin/sh, or a list of strings") from None
    try:
        return Reference(command, timeout_seconds=_SECRET_SECONDS.read(value.get("timeout_seconds", 30.0)))
    except ValueError:
        raise ValueError(f"should have timeout_seconds that are {_SECRET_SECONDS.says}") from None


def _read_text(value: Any) -> str:
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError
    return value


def _read_flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError
    return value


def _seconds(least: float, most: float = 86400) -> Form:
    return _number_of("seconds", least, most)


def _number_of(what: str, least: float, most: float) -> Form:
    def read(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or not least <= value <= most:
            raise ValueError
        return float(value)

    return Form(f"a number of {what} from {least:g} to {most:g}", read, {"type": "number", "minimum": least, "maximum": most})


def _count(least: int, most: int) -> Form:
    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise ValueError
        return value

    return Form(f"a whole number from {least} to {most}", read, {"type": "integer", "minimum": least, "maximum": most})


Text: TypeAlias = Annotated[str, Form("a string that is not empty", _read_text, {"type": "string", "minLength": 1})]
Flag: TypeAlias = Annotated[bool, Form("true or false", _read_flag, {"type": "boolean"})]
Seconds: TypeAlias = Annotated[float, _seconds(0)]
SomeSeconds: TypeAlias = Annotated[float, _seconds(1)]
Timeout: TypeAlias = Annotated[float, _seconds(0.1)]
Days: TypeAlias = Annotated[float, _number_of("days", 1, 36500)]
Instances: TypeAlias = Annotated[int, _count(1, 100)]
Releases: TypeAlias = Annotated[int, _count(1, 1000)]
BatchHosts: TypeAlias = Annotated[int, _count(1, 1000)]
FloorHosts: TypeAlias = Annotated[int, _count(0, 1000)]


# ------------------------------------------------------------ paths, commands


def read_path(value: Any) -> str:
    """A path inside the shipped tree, without a trailing slash. Raises ValueError, with a reason when the path would leave the tree."""
    if not isinstance(value, str) or not value or not value.isprintable():
        raise ValueError
    path = value.removesuffix("/")
    if path.startswith(("/", "~")):
        raise ValueError("should be relative to the shipped directory")
    parts = path.split("/")
    if ".." in parts:
        raise ValueError("may not leave the shipped directory with ..")
    if "" in parts or "." in parts or any(part.lower() == ".git" or len(part.encode()) > 255 for part in parts):
        raise ValueError
    return path


def _read_directory(value: Any) -> str:
    return "." if value in (".", "./") else read_path(value)


def _read_root(value: Any) -> str:
    if not isinstance(value, str) or not value.isprintable() or not re.match(r"/[^/]|~/[^/]", value):
        raise ValueError
    root = value.rstrip("/")
    parts = root.split("/")[1:]
    if any(part in ("", ".", "..") or len(part.encode()) > 255 for part in parts) or len(root.encode()) > 1000:
        raise ValueError
    return root


def read_command(value: Any) -> str | tuple[str, ...]:
    """A string for /bin/sh, or a tuple that runs as it is."""
    if isinstance(value, str) and value.strip() and "\0" not in value:
        return value
    if (
        not isinstance(value, list)
        or not value
        or not all(isinstance(item, str) and "\0" not in item for item in value)
        or not value[0].strip()
    ):
        raise ValueError
    if any(re.search(r"\$\{(PORT|SOCKET)\}", item) for item in value):
        raise ValueError("runs without a shell when it is a list: write $PORT or $SOCKET without braces")
    return tuple(value)


_COMMAND_SCHEMA = {
    "anyOf": [
        {"type": "string", "pattern": "\\S", "description": "run by /bin/sh -c"},
        {"type": "array", "items": {"type": "string"}, "minItems": 1, "description": "run without a shell"},
    ]
}

_SECRET_SECONDS = _seconds(1, 600)

_VARIABLE_SCHEMA = {
    "type": "object",
    "properties": {"env": {"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$"}},
    "required": ["env"],
    "additionalProperties": False,
}

_REFERENCE_SCHEMA = {
    "type": "object",
    "properties": {"command": _COMMAND_SCHEMA, "timeout_seconds": _SECRET_SECONDS.schema},
    "required": ["command"],
    "additionalProperties": False,
}

PlainValue: TypeAlias = Annotated[str, Form("a string (put numbers and true or false in quotes)", _read_plain_value, {"type": "string"})]
EnvValue: TypeAlias = Annotated[
    str | Reference,
    Form(
        'a string (put numbers and true or false in quotes), or { command = "…" } or { env = "NAME" } for one that nobody may see',
        _read_env_value,
        {"anyOf": [{"type": "string"}, _REFERENCE_SCHEMA, _VARIABLE_SCHEMA]},
    ),
]
RelativePath: TypeAlias = Annotated[
    str, Form("a path inside the shipped directory, such as public/build", read_path, {"type": "string", "pattern": "^[^/~]"})
]
Directory: TypeAlias = Annotated[
    str, Form('a directory inside the shipped one, or "."', _read_directory, {"type": "string", "pattern": "^[^/~]"})
]
Root: TypeAlias = Annotated[
    str, Form("a directory that starts with / or ~/, without . or .. in it", _read_root, {"type": "string", "pattern": "^(/|~/)"})
]
Command: TypeAlias = Annotated[
    str | tuple[str, ...],
    Form("a command: a string for /bin/sh, or a list of strings to run without a shell", read_command, _COMMAND_SCHEMA),
]


# -------------------------------------------------------------------- network

_LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"


def _read_page_path(value: Any) -> str:
    return matches(value, r"/[!-\"$-~]{0,1999}")


def _read_status(value: Any) -> tuple[int, ...]:
    codes = value if isinstance(value, list) else [value]
    if not codes or any(isinstance(code, bool) or not isinstance(code, int) or not 100 <= code <= 599 for code in codes):
        raise ValueError
    return tuple(codes)


def _read_domain(value: Any) -> str:
    name = matches(value, rf"(\*\.)?({_LABEL})(\.{_LABEL})*")
    if len(name) > 253:
        raise ValueError
    return name


def _read_address(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError
    if value.startswith("-") or "@-" in value or "/-" in value:
        raise ValueError("may not start with a dash, nor may its host: ssh would read an option")
    return matches(value, r"[A-Za-z0-9._@:/\[\]+-]{1,255}")


def _read_destination(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError
    place_of(value)
    return value


def _read_listen(value: Any) -> str:
    text = matches(value, r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]*):[0-9]{1,5}")
    host, _, port = text.rpartition(":")
    if not 1 <= int(port) <= 65535:
        raise ValueError
    if host and host != "localhost":
        ipaddress.ip_address(_unbracketed(host))
    return text


def _read_peer(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        return matches(value, rf"({_LABEL})(\.{_LABEL})*")


def _unbracketed(host: str) -> str:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        raise ValueError from None
    return host.strip("[]")


PagePath: TypeAlias = Annotated[
    str, Form("a path that starts with / and holds no white space", _read_page_path, {"type": "string", "pattern": '^/[!-"$-~]*$'})
]
Status: TypeAlias = Annotated[
    tuple[int, ...],
    Form(
        "an HTTP status from 100 to 599, or a list of them",
        _read_status,
        {
            "anyOf": [
                {"type": "integer", "minimum": 100, "maximum": 599},
                {"type": "array", "items": {"type": "integer", "minimum": 100, "maximum": 599}, "minItems": 1},
            ]
        },
    ),
]
Domain: TypeAlias = Annotated[
    str,
    Form(
        "a host name in lower case, such as shop.example.org (the xn-- form for other alphabets)",
        _read_domain,
        {"type": "string", "pattern": rf"^(\*\.)?({_LABEL})(\.{_LABEL})*$"},
    ),
]
Address: TypeAlias = Annotated[
    str,
    Form(
        '"local", or what ssh understands: an alias, user@host or ssh://user@host:port, of letters, digits and . _ - : @ / [ ] +',
        _read_address,
        {"type": "string", "pattern": r"^[A-Za-z0-9._@:/\[\]+][A-Za-z0-9._@:/\[\]+-]*$"},
    ),
]
AcmeUrl: TypeAlias = Annotated[
    str, _pattern("the https:// URL of an ACME directory", r"https://[A-Za-z0-9.\[\]:-]{1,255}(/[!#-'*-;=?-Z_a-z~]{0,1000})?")
]
Column: TypeAlias = Annotated[
    str, _pattern("a column as TABLE.COLUMN or SCHEMA.TABLE.COLUMN", r"[^.\x00-\x1f]{1,63}(\.[^.\x00-\x1f]{1,63}){1,2}")
]
Expression: TypeAlias = Annotated[str, _pattern("an expression of SQL, on one line", r"[^\x00-\x1f]{1,2000}")]
Destination: TypeAlias = Annotated[
    str,
    Form(
        "a destination: /DIRECTORY, USER@HOST:/DIRECTORY, ssh://USER@HOST:PORT/DIRECTORY or s3://BUCKET/PREFIX",
        _read_destination,
        {"type": "string", "pattern": "^(/[^/]|s3://|ssh://|[A-Za-z0-9])"},
    ),
]
Listen: TypeAlias = Annotated[
    str, Form("an address and a port, such as 127.0.0.1:8081 or :8080", _read_listen, {"type": "string", "pattern": ":[0-9]{1,5}$"})
]
Peer: TypeAlias = Annotated[str, Form("an IP address or a host name", _read_peer, {"type": "string"})]


# ----------------------------------------------------------------------- time


def _read_schedule(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError
    schedule.read(value)
    return " ".join(value.split())


def _read_time_zone(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError
    known = available_timezones()
    if value != schedule.UTC and known and value not in known:
        near = get_close_matches(value, sorted(known), n=1)
        raise ValueError(f"should be a time zone such as {near[0] if near else 'Europe/Berlin'}, found {value!r}")
    return matches(value, "[A-Za-z0-9_+/-]{1,64}")


Schedule: TypeAlias = Annotated[
    str,
    Form(
        "five fields as in a crontab, such as 0 3 * * *, or @daily",
        _read_schedule,
        {"type": "string", "pattern": r"^\s*(@\S+|\S+(\s+\S+){4})\s*$"},
    ),
]
TimeZone: TypeAlias = Annotated[
    str, Form("a time zone such as Europe/Berlin", _read_time_zone, {"type": "string", "pattern": "^[A-Za-z0-9_+/-]+$"})
]


# ------------------------------------------------------------------ toolchain


def _read_mirror(value: Any) -> str:
    url = matches(value, r"https?://[!-~]{1,1000}").rstrip("/")
    host = urlsplit(url).hostname
    if not host or (url.startswith("http://") and host not in ("127.0.0.1", "localhost", "::1")):
        raise ValueError("should begin with https://: whoever answers in its place would choose what runs")
    return url


ToolVersion: TypeAlias = Annotated[
    str, _pattern('a version in quotes, such as "22" for the newest 22, or "22.11.0" for exactly that', r"[0-9]{1,4}(\.[0-9]{1,6}){0,2}")
]
Mirror: TypeAlias = Annotated[str, Form("an https:// URL", _read_mirror, {"type": "string", "pattern": "^https?://"})]


# -------------------------------------------------------------- notifications


def _read_variable(value: Any) -> Secret | None:
    """`{ env = "NAME" }`; None for what is no table."""
    if not isinstance(value, dict):
        return None
    if list(value) != ["env"]:
        raise ValueError('should be { env = "NAME" }, with no other key')
    try:
        return Secret(variable=matches(value["env"], "[A-Za-z_][A-Za-z0-9_]{0,254}"))
    except ValueError:
        raise ValueError("should name a variable of letters, digits and underscores") from None


def _read_webhook(value: Any) -> Secret:
    found = _read_variable(value)
    if found is None:
        if not isinstance(value, str):
            raise ValueError
        targets.url(value)
    return found or Secret(text=value)


def _read_password(value: Any) -> Secret:
    found = _read_variable(value)
    if found is None:
        raise ValueError('should be { env = "NAME" }: a password has no place in a repository')
    return found


def _read_server(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError
    targets.server(value)
    return value


def _read_occasions(value: Any) -> tuple[str, ...]:
    found = value if isinstance(value, list) else [value]
    if not found or any(not isinstance(one, str) or one not in targets.OCCASIONS for one in found):
        raise ValueError
    return tuple(dict.fromkeys(found))


Webhook: TypeAlias = Annotated[
    Secret,
    Form(
        'an https:// URL, or { env = "NAME" } for the variable of your environment that holds it',
        _read_webhook,
        {"anyOf": [{"type": "string", "pattern": "^https?://"}, _VARIABLE_SCHEMA]},
    ),
]
Password: TypeAlias = Annotated[
    Secret, Form('{ env = "NAME" }, the variable of your environment that holds it', _read_password, _VARIABLE_SCHEMA)
]
MailServer: TypeAlias = Annotated[
    str, Form("a server such as smtp://user@mail.example.org:587", _read_server, {"type": "string", "pattern": "^smtps?://"})
]
Mailbox: TypeAlias = Annotated[
    str, Form("an e-mail address such as ops@example.org", targets.box, {"type": "string", "pattern": "^[^@\\s]+@[^@\\s]+$"})
]
Occasions: TypeAlias = Annotated[
    tuple[str, ...],
    Form(
        '"failure", "success" or "always", or a list of them',
        _read_occasions,
        {
            "anyOf": [
                {"enum": list(targets.OCCASIONS)},
                {"type": "array", "items": {"enum": list(targets.OCCASIONS)}, "minItems": 1},
            ]
        },
    ),
]


# -------------------------------------------------------------------- choices


def _one_of(*choices: str) -> Form:
    def read(value: Any) -> str:
        if value not in choices or not isinstance(value, str):
            raise ValueError
        return value

    return Form(" or ".join(f'"{choice}"' for choice in choices), read, {"enum": list(choices)})


def _number_among(*choices: int) -> Form:
    def read(value: Any) -> int:
        if isinstance(value, bool) or value not in choices:
            raise ValueError
        return int(value)

    return Form(f"one of {', '.join(map(str, choices))}", read, {"enum": list(choices)})


HoldSeconds: TypeAlias = Annotated[int, _number_among(*HOLD_SECONDS)]
Issuer: TypeAlias = Annotated[Literal["acme", "internal", "off"], _one_of("acme", "internal", "off")]
Phase: TypeAlias = Annotated[Literal["prepare", "activate"], _one_of("prepare", "activate")]
Driver: TypeAlias = Annotated[Literal["postgres", "sqlite", "files"], _one_of("postgres", "sqlite", "files")]
Occasion: TypeAlias = Annotated[Literal["changes", "always", "never"], _one_of("changes", "always", "never")]
Adapter: TypeAlias = Annotated[Literal["django", "alembic", "sql", "commands"], _one_of("django", "alembic", "sql", "commands")]
Objection: TypeAlias = Annotated[Literal["breaking", "destructive", "irreversible"], _one_of("breaking", "destructive", "irreversible")]
Strategy: TypeAlias = Annotated[Literal["together", "rolling"], _one_of("together", "rolling")]
