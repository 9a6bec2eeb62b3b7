"""What is told to be typed again means what was typed before."""

from __future__ import annotations

import shlex

import pytest

from shipway.cli.commands import run
from shipway.cli.typed import typed
from shipway.flows.words import Words

COMMANDS = [
    "shipway deploy",
    "shipway deploy production",
    "shipway deploy production --ref v1.2",
    "shipway deploy production --ref 'a name; with a semicolon'",
    "shipway prepare production --ref main",
    "shipway rollback production",
    "shipway rollback production 1.1",
    "shipway rollback @previous",
    "shipway revert production",
    "shipway revert production 1.1 --hard --yes",
    "shipway revert production 2h --soft",
    "shipway revert @previous --check",
    "shipway revert .shipway/reports/7-abc123.json",
    "shipway release production",
    "shipway release production v1.2",
    "shipway resume production",
    "shipway abort production",
    "shipway status production --quick",
    "shipway doctor production --fix",
    "shipway plan production --files",
    "shipway history production --limit 3",
    "shipway show production 7-abc123",
    "shipway verify production v1.2",
    "shipway data backup production --only main --may-be-empty",
    "shipway data list production",
    "shipway data restore production main --yes",
    "shipway data migrate production",
    "shipway data settle production shop.0003_note --again",
    "shipway data restore production main --from s3://bucket/prefix",
    "shipway data send production --only main",
    "shipway data export production main --to dev.dump --unmasked",
    "shipway data fetch production main-20261129T222236Z-4a40 --from /mnt/backup",
    "shipway data verify production main-20261129T222236Z-4a40 --restore",
    "shipway remove production --shared --yes",
    "shipway deploy production --project docs",
    "shipway deploy production --without b --without c",
    "shipway rollback production 1.1 --without b",
    "shipway config production DATABASE_URL --live",
    "shipway config process.web.PORT",
    "shipway secrets rm production TOKEN",
    "shipway secrets recipients add production 'ssh-ed25519 AAAA' --label ann",
    "shipway host remove production b --lost --with-shared",
    "shipway host add production deploy@10.0.0.2 --name b --roles web --login ubuntu --key a.pub --key b.pub",
    "shipway setup production --login ubuntu --host a --host b --key a.pub --dry-run",
    "shipway init --run './serve $PORT' --host a --host b --env staging --dry-run",
    "shipway logs production --follow --process web --process mail --host b --release 12 --lines 5",
    "shipway restart production --process web --process worker --host b",
    "shipway scale production web=4 worker=file",
    "shipway scale web=2",
    "shipway stop production --process worker",
    "shipway start production",
    "shipway maintenance production",
    "shipway maintenance on production --hold --hold-seconds 60",
    "shipway maintenance on --message 'back at nine'",
    "shipway maintenance off production",
    "shipway exec production --host b --process web -- ls -la 'a b'",
    "shipway exec production --all -- uptime",
    "shipway exec -- printenv RELEASE",
    "shipway explain lease-held",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_typed_again_is_read_as_the_same_words(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[tuple[str, Words]] = []

    def record(name: str, words: Words, **rest: object) -> int:
        heard.append((name, words))
        return 0

    for name in (
        "deploy",
        "prepare",
        "rollback",
        "revert",
        "release",
        "resume",
        "abort",
        "status",
        "doctor",
        "setup",
        "plan",
        "history",
        "show",
        "verify",
        "remove",
        "host",
        "config",
        "secrets",
        "init",
        "logs",
        "exec",
        "explain",
        "restart",
        "scale",
        "stop",
        "start",
        "maintenance",
        "data",
    ):
        monkeypatch.setattr(f"shipway.cli.{name}.perform", record)
    assert run(shlex.split(command)[1:]) == 0
    assert run([*shlex.split(typed(*heard[0]))[1:], *(["--yes"] if "remove production --shared" in command else [])]) == 0
    assert heard[0] == heard[1]
