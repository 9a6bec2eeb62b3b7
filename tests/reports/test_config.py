"""Settings on paper: values that anybody may see, and of others where they come from and whether two are the same."""

from __future__ import annotations

import json

from shipway.model.setting import Setting
from shipway.reports.config import config_json, config_text

SETTINGS = [
    Setting("DEBUG", "", "shipway.toml:3", "0", live={"a": "same", "b": "same"}),
    Setting("API", "", "`op read x`, shipway.toml:4", secret=True, fingerprint="0123456789", live={"a": "changed", "b": "absent"}),
    Setting("LOST", "", "`op read y`, shipway.toml:5", secret=True, fault="`op read y` ended with 1"),
    Setting("SMTP_PASSWORD", "", "shipway.toml:6", "s3cret"),
    Setting("DATABASE_URL", "", "shipway.toml:7", "postgres://shop:s3cret@db/shop"),
    Setting("PORT", "process.web", "made by Shipway"),
    Setting("ODD", "process.web", "shipway.toml:9", "a\x1b[2J\nb" + "c" * 100),
    Setting("OLD", "process.web", "live only", live={"b": "extra"}),
]


def test_the_page() -> None:
    assert config_text(SETTINGS, {"a": 4, "b": None}, {"a": "1.2"}) == [
        "every process and task",
        '  DEBUG          "0"                  shipway.toml:3',
        "  API            (secret 0123456789)  `op read x`, shipway.toml:4",
        "                 a: another value is live",
        "                 b: not live yet",
        "  LOST           (cannot be had)      `op read y`, shipway.toml:5",
        "                 `op read y` ended with 1",
        "  SMTP_PASSWORD  (not shown)          shipway.toml:6",
        "                 looks like a secret, and the repository has it in plain text",
        "  DATABASE_URL   (not shown)          shipway.toml:7",
        "                 looks like a secret, and the repository has it in plain text",
        "",
        "process web",
        f"  PORT  {'-':60}  made by Shipway",
        '  ODD   "a\\u001b[2J\\nb' + "c" * 45 + "…  shipway.toml:9",
        f"  OLD   {'-':60}  live only",
        "        b: live only",
        "",
        "a: serves generation 4 of 1.2",
        "b: serves nothing yet",
    ]


def test_no_secret_is_in_the_json_and_what_looks_like_one_is_marked() -> None:
    said = config_json("production", SETTINGS, {"a": 4}, {"a": "1.2"})
    assert "s3cret" not in json.dumps(said)
    assert [one["name"] for one in said["settings"] if one["plain_secret"]] == ["SMTP_PASSWORD", "DATABASE_URL"]
    assert said["hosts"] == {"a": {"generation": 4, "version": "1.2"}}
