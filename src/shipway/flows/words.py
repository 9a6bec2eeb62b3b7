"""Words: what a person typed, one frozen dataclass a flow. The command line makes them, the flows read them."""

from __future__ import annotations

from pathlib import Path

from shipway.model.streams import Streams
from shipway_agent.record import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """`project` is the directory to find shipway.toml from; `environment` is None where the only one is meant.

    `json` tells a flow that no person is watching; it changes no decision.
    """

    project: Path
    environment: str | None = None
    json: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployWords(Words):
    """`ref` names the commit; None is HEAD of a clean tree. `without` are hosts that are left out."""

    ref: str | None = None
    without: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepareWords(Words):
    """`ref` names the commit; None is HEAD of a clean tree. `without` are hosts that are left out."""

    ref: str | None = None
    without: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackWords(Words):
    """`target` is @previous, a generation's number, a version, or the beginning of a release's digest or of a commit.

    `without` are hosts that are left out.
    """

    target: str = "@previous"
    without: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RevertWords(Words):
    """`target` is what RollbackWords takes, a time, or the path of a report. Neither `soft` nor `hard` leaves the choice to what is known.

    Without `yes` it only says what would be done and lost. `check` starts the target beside a copy of the data, and takes it away again.
    """

    target: str = "@previous"
    soft: bool = False
    hard: bool = False
    check: bool = False
    yes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseWords(Words):
    """`commit` is the one that may be deployed again, by its name or version; None is all that is held back."""

    commit: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartWords(Words):
    """`processes` and `hosts` are names; none means all."""

    processes: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleWords(Words):
    """`settings` are NAME=NUMBER, or NAME=file for the number that shipway.toml says."""

    settings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StopWords(Words):
    """`processes` are names; none means the whole application."""

    processes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StartWords(Words):
    """`processes` are names; none means all that is stopped."""

    processes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceOnWords(Words):
    """`hold` holds requests for `hold_seconds` at most; else visitors get `page`, a file on this machine, or one with `message` on it."""

    hold: bool = False
    hold_seconds: int = 30
    message: str = ""
    page: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceOffWords(Words):
    """Visitors are let in again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceWords(Words):
    """How it stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachWords(Words):
    """`deployment` is an id, the beginning of one or a number; None is the one that goes on, else the last."""

    deployment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeWords(Words):
    """Settle what an interrupted driver left, forward where the decision allows it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AbortWords(Words):
    """Settle what an interrupted driver left, backward unless it is committed. `lost` are hosts that are gone for ever: written off."""

    lost: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusWords(Words):
    """`quick` leaves out the comparison of every file of the live releases with its manifest."""

    quick: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorWords(Words):
    """`fix` does what is safe and looks again."""

    fix: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanWords(Words):
    """`ref` and `without` as for deploy; `files` lists every file that differs from what is live."""

    ref: str | None = None
    without: tuple[str, ...] = ()
    files: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigWords(Words):
    """`name` is the one variable that is meant, None for all; `live` compares with what the hosts serve."""

    name: str | None = None
    live: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretsSetWords(Words):
    """`value` is what was piped or typed without echo: it is not among what is told to be typed again."""

    name: str
    value: bytes = field(default=b"", repr=False, metadata={"typed": False})


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretsRmWords(Words):
    """`name` is the variable whose value is taken away."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretsListWords(Words):
    """The encrypted secrets of the environment, as the checkout has them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretsKeygenWords(Words):
    """A key of one's own; neither project nor environment is looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretsRecipientsAddWords(Words):
    """`recipient` is a public key, or the file that holds one; `label` says whose it is."""

    recipient: str
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretsRecipientsRmWords(Words):
    """`recipient` is a public key, or its label."""

    recipient: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretsRecipientsListWords(Words):
    """Who can open the secrets of the environment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryWords(Words):
    """`limit` is the number of deployments, newest first."""

    limit: int = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowWords(Words):
    """`deployment` is an id, the beginning of one, a generation's number, or @last.

    `html` is the file to write its page to; "" is the one beside its report, None writes none.
    """

    deployment: str = "@last"
    html: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyWords(Words):
    """`release` is a digest, a commit, a version or a generation; the answer is yes only if every member proves it."""

    release: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveWords(Words):
    """`shared` removes the shared paths too, which no command brings back."""

    shared: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRemoveWords(Words):
    """`host` leaves. `lost`: it cannot be reached, and is written off. `with_shared` removes its shared paths too, for good."""

    host: str
    lost: bool = False
    with_shared: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupWords(Words):
    """`login` may become root on the hosts. `key` are files of public keys for the deploying user; none means the key that logs in.

    `host` are names, none means all of the environment. `dry_run` only tells.
    """

    login: str = "root"
    host: tuple[str, ...] = ()
    key: tuple[str, ...] = ()
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HostAddWords(Words):
    """`address` is taken in, under `name` where that is not in the address. `login` and `key` as for setup."""

    address: str
    name: str | None = None
    roles: tuple[str, ...] = ()
    login: str = "root"
    key: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LogsWords(Words):
    """`processes` and `hosts` are names, none means all. `release` as for rollback, or any generation's number; None is what serves.

    `lines` are the last ones of each copy; `follow` goes on with what comes.
    """

    follow: bool = False
    processes: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    release: str | None = None
    lines: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class InitWords(Words):
    """What is said instead of being recognised. `host` are addresses as ssh knows them; none means this machine.

    `env` names the environment that is written. `force` takes the place of a shipway.toml that is there; `dry_run` only prints.
    """

    app: str | None = None
    run: str | None = None
    health: str | None = None
    host: tuple[str, ...] = ()
    env: str | None = None
    domain: tuple[str, ...] = ()
    force: bool = False
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainWords(Words):
    """`error` is the code of one. No project is needed."""

    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfCheckWords(Words):
    """Look at this installation. No project is needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecWords(Words):
    """`command` is an argument list. It runs on `hosts`, on all where `everywhere`, else on the first that has `process`.

    `streams` are somebody's stdin and stdout, for one host; None tells its output line by line.
    """

    command: tuple[str, ...]
    hosts: tuple[str, ...] = ()
    process: str | None = None
    everywhere: bool = False
    streams: Streams | None = field(default=None, compare=False, metadata={"typed": False})


@dataclass(frozen=True, slots=True, kw_only=True)
class DataBackupWords(Words):
    """`only` names data; none means all. `may_be_empty` takes a point of a database that has no row though the last point had some."""

    only: tuple[str, ...] = ()
    may_be_empty: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DataListWords(Words):
    """Ask the hosts which restore points they have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataVerifyWords(Words):
    """`point` is a restore point's name, or the data's for its newest. `restore` makes a database of it, beside the live one."""

    point: str
    restore: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DataRestoreWords(Words):
    """`point` is a restore point's name, or the data's for its newest. Without `yes` it only says what would be lost.

    `source` is another place, as shipway.toml has it, that the point is fetched from where the host has it no more.
    """

    point: str
    yes: bool = False
    source: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DataMigrateWords(Words):
    """Run the contract migrations of the release that serves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSettleWords(Words):
    """`migration` began and has no known ending: it is `done`, or, having had no effect, to be run `again`."""

    migration: str
    done: bool = False
    again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DataExportWords(Words):
    """`point` is a restore point's name, or the data's for its newest; `to` the file that is written.

    Only `unmasked` leaves values as they are.
    """

    point: str
    to: Path
    unmasked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSendWords(Words):
    """Send the copies that lack in other places; `only` names data, none means all that has such places."""

    only: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFetchWords(Words):
    """`point` is a restore point's name, or the data's for its newest copy; `source` a place as shipway.toml has it, None for any."""

    point: str
    source: str | None = None
