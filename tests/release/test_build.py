"""A build runs once, in a clean checkout, and what it declares joins the release."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from shipway.model.errors import Failed
from shipway.model.intent import Build, Shipment
from shipway.release.build import UNUSED_SECONDS, inputs_digest
from shipway.release.release import Made, make_release
from tests.release.repositories import Checkout, intent, shipping, snapshot


def make(checkout: Checkout, shipment: Shipment, lines: list[str] | None = None, stop: threading.Event | None = None) -> Made:
    kept = lines if lines is not None else []
    return make_release(checkout.repository, checkout.source(), intent(shipment), kept.append, stop=stop)


def failure(checkout: Checkout, shipment: Shipment) -> Failed:
    with pytest.raises(Failed) as raised:
        make(checkout, shipment)
    assert raised.value.code == "build"
    assert raised.value.exit_code == 1
    assert raised.value.state == "nothing was touched"
    assert raised.value.hint
    return raised.value


def contents(made: Made) -> dict[str, bytes]:
    files = [entry for entry in made.release.entries if entry.digest]
    return dict(zip([entry.path for entry in files], made.blobs.read([entry.digest for entry in files]), strict=True))


def test_outputs_join_the_release_and_nothing_else_does(checkout: Checkout) -> None:
    checkout.commit(source="one")
    made = make(
        checkout, shipping("mkdir -p public/build; tr a-z A-Z < source > public/build/out; echo x > other", outputs=("public/build",))
    )
    assert contents(made) == {"source": b"one", "public/build/out": b"ONE"}
    assert not made.reused
    assert made.release.builder.startswith("local linux-")


def test_kinds_and_names_of_outputs_arrive_exactly(checkout: Checkout) -> None:
    checkout.write("build.py", "import os; os.mkdir('o'); open(b'o/\\xff\\n', 'wb').write(b'\\0'); os.symlink('x y', 'o/link')\n")
    checkout.commit()
    made = make(checkout, shipping("python3 build.py; touch 'o/x y' empty; chmod 755 'o/x y'; mkdir -p o/none", outputs=("o", "empty")))
    kinds = {os.fsencode(entry.path): (entry.kind, entry.target) for entry in made.release.entries}
    assert kinds == {
        b"build.py": ("file", ""),
        b"empty": ("file", ""),
        b"o/\xff\n": ("file", ""),
        b"o/link": ("link", "x y"),
        b"o/x y": ("executable", ""),
    }


def test_an_output_takes_the_place_of_what_the_commit_has_there(checkout: Checkout) -> None:
    checkout.commit(**{"public/old": "committed", "public/kept": "committed"})
    made = make(checkout, shipping("rm public/old; echo made > public/new", outputs=("public",)))
    assert contents(made) == {"public/kept": b"committed", "public/new": b"made\n"}


def test_it_sees_only_what_is_committed_in_the_shipped_directory(checkout: Checkout) -> None:
    checkout.write(".gitignore", "ignored\n")
    checkout.commit(**{"server/a": "1", "client/b": "1"})
    checkout.write("server/ignored")
    checkout.write("server/untracked")
    checkout.write("server/a", "changed")
    shipment = shipping("{ find . ! -name out | sort; cat a; } > out", outputs=("out",))
    made = make_release(checkout.repository, checkout.source(), intent(shipment, "server"), lambda line: None)
    assert contents(made)["out"] == b".\n./a\n1"


def test_it_sees_a_plain_environment(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout.commit(a="1")
    for name, value in (("SECRET", "hunter2"), ("GIT_DIR", "/x"), ("PIP_INDEX_URL", "http://index")):
        monkeypatch.setenv(name, value)
    made = make(checkout, shipping("env > out", outputs=("out",), env={"NODE_ENV": "production"}))
    said = dict(line.partition("=")[::2] for line in contents(made)["out"].decode().splitlines())
    assert said["NODE_ENV"] == "production"
    assert said["PIP_INDEX_URL"] == "http://index"
    assert said["SOURCE_DATE_EPOCH"] == "315532800"
    assert not {"SECRET", "GIT_DIR"} & set(said)


def test_times_do_not_depend_on_when_it_is_built(checkout: Checkout) -> None:
    checkout.commit(**{"a/b": "1"})
    made = make(checkout, shipping("stat -c %Y a/b > out", outputs=("out",)))
    assert contents(made)["out"] == b"315532800\n"


def test_its_lines_are_heard_with_the_command_before_them(checkout: Checkout) -> None:
    checkout.commit(a="1")
    lines: list[str] = []
    make(checkout, shipping("echo one; touch out", "echo two", outputs=("out",)), lines)
    assert lines == ["$ echo one; touch out", "one", "$ echo two", "two"]


# ------------------------------------------------------------------------- reuse


def test_a_build_of_the_same_inputs_is_reused(checkout: Checkout, tmp_path: Path) -> None:
    checkout.commit(a="1")
    shipment = shipping(f"echo ran >> {tmp_path}/ran; date +%N > out", outputs=("out",))
    first, second = make(checkout, shipment), make(checkout, shipment)
    checkout.commit()
    third = make(checkout, shipment)
    assert (first.reused, second.reused, third.reused) == (False, True, True)
    assert first.release.digest == second.release.digest == third.release.digest
    assert contents(first) == contents(third)
    assert (tmp_path / "ran").read_text() == "ran\n"


def test_setting_a_secret_builds_nothing_anew(checkout: Checkout) -> None:
    checkout.commit(a="1")
    shipment = shipping("date +%s%N >out", outputs=("out",))
    made = []
    for value in ("one", "two"):
        checkout.write(".shipway-secrets/production/TOKEN.age", value)
        checkout.commit()
        made.append(make(checkout, shipment))
    assert [one.reused for one in made] == [False, True]
    assert made[0].release.digest == made[1].release.digest
    assert [entry.path for entry in made[1].release.entries if "secrets" in entry.path] == []


def test_what_it_depends_on() -> None:
    base = Build(("make",), ("out",), {"A": "1"})
    digests = {
        inputs_digest("t", base),
        inputs_digest("u", base),
        inputs_digest("t", Build(("make all",), ("out",), {"A": "1"})),
        inputs_digest("t", Build((("make",),), ("out",), {"A": "1"})),
        inputs_digest("t", Build(("make",), ("out", "x"), {"A": "1"})),
        inputs_digest("t", Build(("make",), ("out",), {"A": "2"})),
    }
    assert len(digests) == 6
    assert inputs_digest("t", Build(("make",), ("out",), {"A": "1"}, timeout_seconds=5)) == inputs_digest("t", base)


def test_a_damaged_build_is_made_again(checkout: Checkout, home: Path) -> None:
    checkout.commit(a="1")
    shipment = shipping("echo good > out", outputs=("out",))
    first = make(checkout, shipment)
    (kept,) = (home / ".cache/shipway/builds").iterdir()
    (kept / "outputs/out").write_text("evil\n")
    second = make(checkout, shipment)
    assert not second.reused
    assert second.release.digest == first.release.digest
    assert contents(second)["out"] == b"good\n"


def test_builds_that_nobody_used_for_a_month_go(checkout: Checkout, home: Path) -> None:
    checkout.commit(a="1")
    make(checkout, shipping("echo 1 > out", outputs=("out",)))
    (kept,) = (home / ".cache/shipway/builds").iterdir()
    long_ago = time.time() - UNUSED_SECONDS - 60
    os.utime(kept, (long_ago, long_ago))
    make(checkout, shipping("echo 2 > out", outputs=("out",)))
    (left,) = (home / ".cache/shipway/builds").iterdir()
    assert left != kept


def test_two_drivers_may_build_the_same_at_once(checkout: Checkout, tmp_path: Path, home: Path) -> None:
    """Each waits until the other has begun, so that both really build."""
    checkout.commit(a="1")
    begun = f"$(ls -d {tmp_path}/*.begun | wc -l)"
    wait = f"mkdir {tmp_path}/$$.begun; i=0; while [ {begun} -lt 2 ] && [ $i -lt 300 ]; do sleep 0.1; i=$((i+1)); done"
    shipment = shipping(wait, "echo same > out", outputs=("out",))
    made: list[Made] = []
    threads = [threading.Thread(target=lambda: made.append(make(checkout, shipment))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 2
    assert made[0].release.digest == made[1].release.digest
    assert len(list(tmp_path.glob("*.begun"))) == 2
    assert [path.name[0] == "." for path in (home / ".cache/shipway/builds").iterdir()] == [False]


# ---------------------------------------------------------------------- failures


def test_a_command_that_fails_is_told_with_its_last_lines_and_nothing_is_kept(checkout: Checkout, home: Path) -> None:
    checkout.commit(a="1")
    error = failure(checkout, shipping("seq 100; echo broken >&2; exit 3", "touch out", outputs=("out",)))
    assert error.message == "the build command `seq 100; echo broken >&2; exit 3` ended with 3"
    assert error.details[-2:] == ("100", "broken")
    assert len(error.details) == 20
    assert list((home / ".cache/shipway/builds").iterdir()) == []


@pytest.mark.parametrize(
    ("run", "timeout_seconds", "message"),
    [
        ("sleep 300", 1, "the build command `sleep 300` took longer than 1 s and was ended"),
        ("kill -9 $$", 60, "the build command `kill -9 $$` was ended by signal 9"),
        ("/nowhere/npm ci", 60, "the build command `/nowhere/npm ci` ended with 127"),
    ],
)
def test_other_ways_to_fail(checkout: Checkout, run: str, timeout_seconds: float, message: str) -> None:
    checkout.commit(a="1")
    assert failure(checkout, shipping(run, outputs=("out",), timeout_seconds=timeout_seconds)).message == message


@pytest.mark.parametrize(
    ("name", "run"),
    [
        (".env", "cat .env"),
        ("config/local.json", "cat config/local.json"),
        ("config/local.json", "cd a && cat local.json"),
        ("config/local.json", "cat $PWD/config/local.json"),
        ("deep/er/than/that/local.json", "cat ./deep/er/than/that/local.json"),
    ],
)
def test_a_build_that_needs_an_ignored_file_is_told_so(checkout: Checkout, name: str, run: str) -> None:
    checkout.write(".gitignore", ".env\nlocal.json\n")
    checkout.commit(**{"a/b": "1"})
    checkout.write(name, "SECRET=1")
    error = failure(checkout, shipping(run, outputs=("out",)))
    assert error.hint.startswith(f"Its last lines name {name}, which your checkout has and git does not")


def test_a_failure_that_names_nothing_of_the_kind_gets_the_plain_hint(checkout: Checkout) -> None:
    checkout.write(".gitignore", "node_modules\n")
    checkout.commit(a="1")
    checkout.write("node_modules/some/where/deep/index.js")
    checkout.write(".shipway/reports/index.js")
    assert failure(checkout, shipping("echo syntax error in index.js; false", outputs=("out",))).hint.startswith(
        "Correct what its last lines say"
    )


def test_outputs_that_were_not_made_or_cannot_be_shipped_are_named_at_once(checkout: Checkout) -> None:
    checkout.commit(a="1")
    error = failure(
        checkout, shipping("mkdir -p o/.git s; touch o/.git/x; mkfifo s/pipe; mkdir empty", outputs=("o", "s", "empty", "none"))
    )
    assert set(error.details) == {
        "o/.git/x: is named .git, and git would take it for a repository",
        "s/pipe: is neither a file, a directory nor a link",
        "s: is declared as an output, and the commands made nothing there",
        "empty: is declared as an output, and the commands made nothing there",
        "none: is declared as an output, and the commands made nothing there",
    }


def test_a_build_that_leaves_a_process_or_a_read_only_directory_is_cleaned_up(checkout: Checkout, home: Path) -> None:
    checkout.commit(a="1")
    make(checkout, shipping("sleep 300 & mkdir -p locked/x; chmod 500 locked; touch out", outputs=("out",)))
    assert [path.name.startswith(".") for path in (home / ".cache/shipway/builds").iterdir()] == [False]


def test_somebody_may_stop_it(checkout: Checkout) -> None:
    checkout.commit(a="1")
    stop = threading.Event()
    with pytest.raises(Failed) as raised:
        make_release(
            checkout.repository,
            checkout.source(),
            intent(shipping("echo begun; sleep 300", outputs=("out",))),
            lambda line: stop.set() if line == "begun" else None,
            stop=stop,
        )
    assert raised.value.message == "the build was stopped in `echo begun; sleep 300`"


def test_a_cache_that_cannot_be_written_is_told(checkout: Checkout, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout.commit(a="1")
    (home / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "file"))
    with pytest.raises(Exception) as raised:
        make(checkout, shipping("touch out", outputs=("out",)))
    assert getattr(raised.value, "code", None) == "cache"


def test_the_checkout_of_the_operator_is_untouched(checkout: Checkout) -> None:
    checkout.commit(a="1")
    checkout.write("untracked")
    before = snapshot(checkout.path)
    make(checkout, shipping("echo x > a; git status; git commit -m x; touch out", outputs=("out",)))
    assert snapshot(checkout.path) == before
