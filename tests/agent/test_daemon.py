"""The daemon with real processes: what it starts, what it finds again, what it never does twice, how it ends."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from shipway_agent import clock, daemon, group, logs, probes, supervisor
from shipway_agent.apply import poke
from shipway_agent.errors import AgentError
from shipway_agent.journal import AGENT, Journal, ProcessRow
from shipway_agent.primitives import generations
from shipway_agent.pruning import WISH
from shipway_agent.root import Root
from tests.agent.lodge import Lodge, lodge, process, wait
from tests.agent.test_session import python_of


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Lodge]:
    with lodge(tmp_path / "r") as one:
        one.ensure()
        yield one


def answers(address: str | None) -> str:
    assert address is not None
    return probes.ask(address, "/up", 10).body.decode()


def pids(rows: list[ProcessRow]) -> set[int | None]:
    return {row.pid for row in rows}


# ---------------------------------------------------------------- starting


@pytest.mark.parametrize("listens", ["port", "socket"])
def test_two_instances_listen_at_two_addresses_and_twelve_slots_name_them_in_turn(home: Lodge, listens: str) -> None:
    home.generation(1, process(listens=listens, instances=2))
    home.serve(1)
    first, second = home.wait_up(1)
    assert answers(first.address) == f"ok {first.pid} v1"
    assert answers(second.address) == f"ok {second.pid} v1"
    slots = generations.read_slots(home.root, 1)
    assert [slots[f"web.{i}"] for i in range(1, 13)] == [first.address, second.address] * 6


def test_a_root_of_200_bytes_serves_on_sockets_and_ports(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100)
    with lodge(deep / ("r" * (200 - len(str(deep)) - 1)) if len(str(deep)) < 190 else deep) as home:
        assert len(home.root.path) >= 200
        home.ensure()
        home.generation(1, process(listens="socket", instances=2), process("api", "port"))
        home.serve(1)
        for row in home.wait_up(1):
            assert answers(row.address) == f"ok {row.pid} v1"


def test_a_process_has_a_clean_environment_a_session_of_its_own_and_its_marker(home: Lodge) -> None:
    home.generation(1, process(), env={"web": {"COLOUR": "green $PORT"}})
    home.serve(1)
    (row,) = home.wait_up(1)
    assert row.pid is not None
    lines = Path(f"/proc/{row.pid}/environ").read_bytes().rstrip(b"\0").split(b"\0")
    found = dict(line.decode().split("=", 1) for line in lines)
    assert set(found) == {
        "PATH", "HOME", "USER", "LANG", "COLOUR", "RELEASE", "SHIPWAY_ENVIRONMENT", "SHIPWAY_RELEASE", "SHIPWAY_GENERATION", "PORT",
        "SHIPWAY_INSTANCE", "PYTHONDONTWRITEBYTECODE",
    }  # fmt: skip
    assert (found["COLOUR"], found["RELEASE"], found["SHIPWAY_GENERATION"]) == ("green $PORT", "v1", "1")
    assert found["SHIPWAY_INSTANCE"] == f"{home.root.digest}/1/web/1/{row.token}"
    assert os.getsid(row.pid) == os.getpgid(row.pid) == row.pid
    assert os.readlink(f"/proc/{row.pid}/cwd") == os.path.realpath(f"{home.root.path}/generations/000001/release")
    assert os.readlink(f"/proc/{row.pid}/fd/0") == os.devnull
    held = {os.readlink(f"/proc/{row.pid}/fd/{name}") for name in os.listdir(f"/proc/{row.pid}/fd")}
    assert not any("journal" in name or "lock" in name for name in held)


def test_a_text_is_a_shells_and_a_list_has_its_port_filled_in(home: Lodge) -> None:
    home.generation(
        1,
        process("shell", run=f'{sys.executable} site.py "$PORT"; exit 0'),
        process(
            "list",
            run=[sys.executable, "-c", "import sys; assert sys.argv[1] == '--port'; exec(open('site.py').read())", "--port", "$PORT"],
        ),
    )
    home.serve(1)
    listed, shell = home.wait_up(1)
    assert Path(f"/proc/{listed.pid}/cmdline").read_bytes().split(b"\0")[-2] == str(listed.address).rpartition(":")[2].encode()
    assert Path(f"/proc/{shell.pid}/comm").read_text().strip() == "sh"


def test_what_cannot_be_executed_says_so_in_its_log_and_is_given_up(home: Lodge) -> None:
    home.generation(1, process("worker", None, run=["no-such-program", "--now"]))
    home.serve(1)
    row = home.wait_row(1, "worker", state="crashed")
    assert row.exit == 127
    assert "shipway: cannot start no-such-program" in home.log("worker.1")


# --------------------------------------------------------------- restarting


def test_a_process_that_dies_is_started_again_at_the_same_address(home: Lodge) -> None:
    home.generation(1, process())
    home.serve(1)
    (before,) = home.wait_up(1)
    assert before.pid is not None
    os.kill(before.pid, signal.SIGKILL)
    after = home.wait_row(1, besides=before.pid)
    assert (after.address, after.restarts, after.exit) == (before.address, 1, -signal.SIGKILL)
    assert after.token != before.token
    wait(lambda: answers(after.address) == f"ok {after.pid} v1")


def test_a_port_that_somebody_else_took_is_given_up_and_the_slots_follow(home: Lodge) -> None:
    home.generation(1, process())
    home.serve(1)
    (before,) = home.wait_up(1)
    assert before.pid is not None
    assert before.address is not None
    os.kill(home.pid() or 0, signal.SIGSTOP)  # so that the port is free long enough for somebody else
    daemon_pid = int(Path(f"/proc/{before.pid}/stat").read_text().split(") ")[1].split()[1])
    os.kill(before.pid, signal.SIGKILL)
    with socket.socket() as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        wait(lambda: _binds(thief, str(before.address)))
        os.kill(daemon_pid, signal.SIGCONT)
        after = home.wait_row(1, besides=before.pid)
    assert after.address != before.address
    assert set(generations.read_slots(home.root, 1).values()) == {after.address}


def _binds(thief: socket.socket, address: str) -> bool:
    try:
        thief.bind(("127.0.0.1", int(address.rpartition(":")[2])))
        thief.listen()
    except OSError:
        return False
    return True


def test_a_crash_loop_is_given_up_until_somebody_asks_again(home: Lodge) -> None:
    home.generation(1, process("worker", None, run=["/bin/sh", "-c", "echo says why; exit 7"]))
    home.serve(1)
    row = home.wait_row(1, "worker", state="crashed")
    assert (row.exit, row.pid, row.restarts) == (7, None, 4)
    assert home.log("worker.1").count("says why") == 5
    poke(home.root, {"generation": 1})
    wait(lambda: home.log("worker.1").count("says why") > 5)


@pytest.mark.slow
def test_what_a_dead_process_left_behind_is_ended_before_it_starts_again(home: Lodge) -> None:
    """Its child ignores SIGTERM and would hold the port."""
    home.generation(1, process(env={}), env={"web": {"CHILDREN": "1"}})
    home.serve(1)
    (before,) = home.wait_up(1)
    assert before.pid is not None
    orphan = wait(lambda: next((pid for pid in home.living() if pid != before.pid), None))
    start = clock.process_start(orphan)
    os.kill(before.pid, signal.SIGKILL)
    after = home.wait_row(1, besides=before.pid)
    assert after.restarts == 1
    assert not group.alive(orphan, start)


def test_a_process_that_daemonises_is_found_by_its_marker_and_ended_with_it(home: Lodge) -> None:
    twice = "import os, sys; os.fork() and os._exit(0); os.setsid(); os.fork() and os._exit(0); exec(open('site.py').read())"
    home.generation(1, process(run=[sys.executable, "-c", twice], drain_seconds=1.0))
    home.serve(1)
    home.wait_up(1)
    adopted = wait(lambda: next((r for r in home.rows(1) if answers(r.address) == f"ok {r.pid} v1"), None))
    assert adopted.restarts == 0
    home.generation(2, process())
    home.serve(2)
    wait(lambda: not home.rows(1))
    assert {marker.split("/")[1] for marker in home.living().values()} == {"2"}


# -------------------------------------------------------- killed and again


@pytest.mark.slow
def test_killed_and_started_again_the_daemon_finds_its_processes(home: Lodge) -> None:
    home.generation(1, process(instances=2), process("sock", "socket"), process("worker", None))
    home.serve(1)
    wait(lambda: len([r for r in home.rows(1) if r.state == "up"]) == 4)
    before = pids(home.rows())
    for _ in range(3):
        home.kill_daemon()
        home.ensure()
        assert pids(home.rows()) == before
        assert set(home.living()) == before
    worker = home.row(1, "worker")
    assert worker is not None
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGKILL)  # no child of this daemon any more, and still noticed
    assert home.wait_row(1, "worker", besides=worker.pid).restarts == 1


def test_killed_between_fork_and_record_nothing_is_started_twice(tmp_path: Path) -> None:
    """Each copy is started by a daemon that dies at the write which would record the pid; the next one finds it by its marker."""
    with lodge(tmp_path / "r") as home:
        home.generation(1, process(instances=2), process("worker", None))
        home.lease(1)
        for do in ("vote", "start", "ready", "arm"):
            home.decide(do, 1)
        home.decide("switched", 1)
        home.decide("commit", 1)
        for _ in range(3):
            died = subprocess.run([sys.executable, "-c", DIES_AFTER_FORK, home.root.path], check=False, timeout=60)
            assert died.returncode == -signal.SIGKILL
        # each had started one copy more; their rows have a token and no pid
        started = wait(lambda: living if len(living := home.living()) == 3 else None)
        assert {row.pid for row in home.rows()} >= {None}
        home.ensure()
        assert pids(home.rows()) == set(started)
        assert set(home.living()) == set(started)


def _died_or_done(home: Lodge, child: subprocess.Popen[bytes]) -> bool:
    """Whether the daemon was killed, or answers and has everything up: it has no further call to die at."""
    return child.poll() is not None or (home.pid() is not None and [row.state for row in home.rows(1)] == ["up"] * 3)


ONE_DAEMON = """
import sys
from shipway_agent.daemon import Daemon
from shipway_agent.journal import Journal
from shipway_agent.root import Root

root = Root(sys.argv[1])
Daemon(root, Journal(root), root.full("proxy"), root.supervisor_lock(30.0)).run()
"""

DIES_AFTER_FORK = """
import os, signal, sys
from shipway_agent import copies, daemon
from shipway_agent.journal import Journal
from shipway_agent.root import Root

begun = copies.Copies._begun

def die(self, row, leader):
    if row.pid is None and row.boot is None and daemon_runs:
        os.kill(os.getpid(), signal.SIGKILL)
    return begun(self, row, leader)

daemon_runs = False
with Root(sys.argv[1]) as root:
    lock = root.supervisor_lock(30.0)
    with Journal(root) as journal:
        one = daemon.Daemon(root, journal, root.full("proxy"), lock)
        find_again = one._copies.find_again
        def found(now):
            global daemon_runs
            find_again(now)
            daemon_runs = True
        one._copies.find_again = found
        copies.Copies._begun = die
        one.run()
"""


@pytest.mark.slow
@pytest.mark.parametrize("call", ["fork,vfork,clone,clone3", "pwrite64,write", "fsync,fdatasync"])
def test_killed_at_any_system_call_of_a_start_nothing_is_started_twice(tmp_path: Path, call: str) -> None:
    """strace ends the daemon at its n-th call; after each death a new one takes over, and at the end every copy runs exactly once."""
    with lodge(tmp_path / "r") as home:
        home.generation(1, process(instances=2), process("worker", None))
        home.lease(1)
        for do in ("vote", "start", "ready", "arm"):
            home.decide(do, 1)
        home.decide("switched", 1)
        home.decide("commit", 1)
        for count in range(1, 7):
            argv = ["strace", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:signal=SIGKILL:when={count}"]
            with subprocess.Popen([*argv, sys.executable, "-c", ONE_DAEMON, home.root.path], stderr=subprocess.DEVNULL) as child:
                wait(partial(_died_or_done, home, child))
                if child.poll() is None:
                    home.kill_daemon()
            markers = [marker.rsplit("/", 1)[0] for pid, marker in home.living().items() if os.getsid(pid) == pid]
            assert len(markers) == len(set(markers)), markers
        home.ensure()
        wait(lambda: len([r for r in home.rows(1) if r.state == "up"]) == 3)
        assert pids(home.rows()) == set(home.living())


def test_after_a_reboot_the_generation_that_serves_is_started_anew(home: Lodge, monkeypatch: pytest.MonkeyPatch) -> None:
    home.generation(1, process(), process("sock", "socket"))
    home.serve(1)
    before = home.wait_up(1)
    home.kill_daemon()
    for row in before:  # the power goes
        group.kill_whole(group.Instance("none", row.pid, row.pid_start), 10)
    monkeypatch.setenv("SHIPWAY_BOOT_ID", "another-boot")
    home.ensure()
    after = wait(lambda: rows if len(rows := [r for r in home.rows(1) if r.state == "up" and r.boot == "another-boot"]) == 2 else None)
    assert not pids(after) & pids(before)
    for row in after:
        assert answers(row.address) == f"ok {row.pid} v1"


def test_a_process_with_our_marker_and_no_row_is_ended_at_the_start(home: Lodge) -> None:
    home.kill_daemon()
    marked = {"SHIPWAY_INSTANCE": f"{home.root.digest}/9/web/1/lost", "PATH": os.environ["PATH"]}
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], env=marked)
    try:
        wait(lambda: stranger.pid in home.living())
        home.ensure()
        assert stranger.wait(30) == -signal.SIGKILL
    finally:
        stranger.kill()
        stranger.wait()


# ------------------------------------------------------------------ ending


def test_an_old_generation_is_ended_once_the_new_one_is_committed_and_not_before(home: Lodge) -> None:
    home.generation(1, process(), process("worker", None))
    home.generation(2, process(), process("worker", None))
    home.serve(1)
    wait(lambda: len([r for r in home.rows(1) if r.state == "up"]) == 2)
    home.switch(2)
    home.wait_row(2, "worker")
    assert {row.state for row in home.rows(1)} == {"up"}  # side by side until the decision
    home.decide("commit", 2)
    wait(lambda: not home.rows(1))
    assert {marker.split("/")[1] for marker in home.living().values()} == {"2"}


def test_a_worker_that_may_not_overlap_starts_when_the_old_one_is_gone_and_an_undo_starts_the_old_one_again(home: Lodge) -> None:
    for number in (1, 2):
        home.generation(number, process("worker", None, overlap=False, drain_seconds=1.0))
    home.serve(1)
    old = home.wait_row(1, "worker")
    home.switch(2)
    seen = set()

    def new_one_runs() -> bool:
        seen.add(len({marker.split("/")[1] for marker in home.living().values()}))
        row = home.row(2, "worker")
        return row is not None and row.state == "up"

    wait(new_one_runs)
    assert max(seen) == 1
    assert not group.alive(old.pid, old.pid_start)
    home.decide("undo", 2)
    again = home.wait_row(1, "worker")
    assert again.pid != old.pid
    assert not home.rows(2)


@pytest.mark.slow
def test_a_worker_that_ignores_sigterm_is_killed_after_its_drain_time_with_all_its_processes(home: Lodge) -> None:
    home.generation(1, process("worker", None, drain_seconds=5.0), env={"worker": {"STUBBORN": "1", "CHILDREN": "1"}})
    home.generation(2, process("other", None))
    home.serve(1)
    wait(lambda: "begins" in home.log("worker.1") and len(home.living()) == 2)
    before = {pid: clock.process_start(pid) for pid in home.living()}
    home.serve(2)
    began = time.monotonic()
    wait(lambda: home.row(1, "worker") is None)
    assert 4.0 <= time.monotonic() - began < 15.0
    assert not any(group.alive(pid, start) for pid, start in before.items())


def test_it_ends_everything_when_it_is_told_to(home: Lodge) -> None:
    home.generation(1, process(drain_seconds=1.0), process("worker", None, drain_seconds=1.0))
    home.serve(1)
    pid = home.pid()
    assert pid is not None
    poke(home.root, {"end": True})
    wait(lambda: clock.process_start(pid) is None)
    assert not home.rows()
    assert not home.living()


def test_sigterm_ends_the_daemon_alone(home: Lodge) -> None:
    home.generation(1, process())
    home.serve(1)
    before = set(home.living())
    pid = home.pid()
    assert pid is not None
    os.kill(pid, signal.SIGTERM)
    wait(lambda: clock.process_start(pid) is None)
    assert set(home.living()) == before
    assert not home.root.supervised()


# ------------------------------------------------------------------- itself


@pytest.mark.parametrize(("until", "seconds"), [(None, 1.0), (30.0, 1.0), (0.4, 0.4), (0.001, 0.01), (0.0, 0.25)])
def test_it_wakes_once_a_second_and_at_a_deadline_and_soon_again_behind_one(until: float | None, seconds: float) -> None:
    assert daemon.calm_seconds(until) == seconds


@pytest.mark.slow
def test_there_is_one_daemon_however_many_ask_for_it(tmp_path: Path) -> None:
    with lodge(tmp_path / "r") as home:
        run = "import sys; from shipway_agent import daemon; from shipway_agent.root import Root\n"
        run += "print(daemon.ensure(Root(sys.argv[1]), sys.argv[2])['pid'])"
        argv = [sys.executable, "-c", run, home.root.path, str(home.agent)]
        asking = [subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) for _ in range(4)]
        said = {one.communicate(timeout=60)[0] for one in asking}
        assert said == {f"{home.pid()}\n"}


@pytest.mark.slow
def test_another_agent_takes_over_in_the_same_process_and_keeps_its_children(home: Lodge, tmp_path: Path) -> None:
    home.generation(1, process())
    home.serve(1)
    (before,) = home.wait_up(1)
    pid = home.pid()
    package = tmp_path / "src"
    subprocess.run(["cp", "-r", os.path.dirname(daemon.__file__), package], check=True)
    (package / "states.py").write_text((package / "states.py").read_text() + "\n# another version\n")
    from shipway.transports.bundle import pack

    bundle = pack(package)
    newer = Path(home.root.path) / "agent" / f"{bundle.hash}.pyz"
    newer.write_bytes(bundle.data)
    answer = daemon.ensure(home.root, str(newer))
    assert answer == {"agent": bundle.hash, "pid": pid}
    assert home.journal.meta(AGENT) == bundle.hash
    assert [(row.pid, row.token) for row in home.rows(1)] == [(before.pid, before.token)]
    assert before.pid is not None
    os.kill(before.pid, signal.SIGTERM)
    after = home.wait_row(1, besides=before.pid)
    assert after.exit == -signal.SIGTERM  # still a child: its code was read


def test_a_daemon_that_cannot_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "READY_SECONDS", 1.0)
    with lodge(tmp_path / "r") as home:
        broken = tmp_path / "broken.pyz"
        broken.write_text("print('this is no agent')\nraise SystemExit(1)\n")
        with pytest.raises(AgentError, match=r"did not answer within [0-9.]+ s") as error:
            daemon.ensure(home.root, str(broken))
        assert error.value.code == "supervisor"
        assert "this is no agent" in error.value.lines


def test_when_its_root_is_removed_by_hand_nothing_of_it_goes_on(tmp_path: Path) -> None:
    with lodge(tmp_path / "r") as home:
        pid = home.ensure()
        home.generation(1, process(), process("worker", None), env={"worker": {"STUBBORN": "1", "CHILDREN": "1"}})
        home.serve(1)
        wait(lambda: len(home.living()) == 3)
        wait(partial(_removed, home.root.path))
        wait(lambda: not home.living())
        wait(lambda: clock.process_start(pid) is None)


def _removed(path: str) -> bool:
    """By a person who tries again while processes still write there."""
    shutil.rmtree(path, ignore_errors=True)
    return not os.path.exists(path)


def test_a_turn_is_worth_while_for_a_changed_record_a_wish_and_a_link_and_for_no_other_poke(tmp_path: Path) -> None:
    with lodge(tmp_path / "r") as home, Journal(home.root) as journal:
        home.generation(1)
        ours = daemon.Daemon(home.root, journal, home.root.full("proxy"), home.root.supervisor_lock(0.0))
        assert ours.is_something_new()

        def is_once() -> bool:
            found = ours.is_something_new()
            ours.turn()
            return found and not ours.is_something_new()

        ours.turn()
        home.journal.event("note", "d-1", {})
        assert not ours.is_something_new(), "a driver's steps are no business of a supervisor"
        for message in ("lease", "vote", "start", "ready", "arm"):
            home.lease(1) if message == "lease" else home.decide(message, 1)
            assert is_once(), message
        home.root.link("current", generations.place(1))
        assert is_once()
        home.journal.set_meta(WISH, "5")
        assert is_once()
        home.root.link("current", generations.place(2))  # what is to be linked is the first, and somebody is at it
        home.journal.decide({"do": "switched", "deployment": "d-1", "fence": 1}, clock.boot_now())
        with home.root.host_lock():
            ours.turn()
            assert ours.is_something_new(), "what could not be done is tried again"
        assert is_once()
        ours.close()


def test_noise_on_its_socket_does_not_hurt_it(home: Lodge) -> None:
    for noise in (b"", b"\xff\xfe", b"[]", b"7", b'{"generation": "x"}', b"x" * 60000):
        home.root.send("supervisor.sock", noise)
    assert home.pid() is not None


@pytest.mark.slow
def test_a_full_speed_writer_neither_fills_the_disk_nor_slows_the_daemon(home: Lodge) -> None:
    """A hundred thousand lines a second and more, for three seconds."""
    writer = "import time\nend = time.time() + 3\nwhile time.time() < end:\n    print(('y' * 99 + '\\n') * 1000, end='', flush=True)\n"
    writer += "time.sleep(600)"
    home.generation(1, process("worker", None, run=[sys.executable, "-c", writer]), process())
    home.serve(1)
    slowest, until = 0.0, time.monotonic() + 4
    while time.monotonic() < until:
        began = time.monotonic()
        assert home.pid() is not None
        slowest = max(slowest, time.monotonic() - began)
        time.sleep(0.05)
    with home.root.at("logs") as folder:
        wait(lambda: logs.size_of(folder, "worker.1.000001.log") <= logs.MOST_BYTES)
        sizes = [logs.size_of(folder, name) for name in folder.names() if name.startswith("worker.1.000001.log.")]
        assert sizes
        assert all(size <= 2 * logs.MOST_BYTES for size in sizes)
        assert len(sizes) <= logs.KEPT - 1
    assert slowest < 2.0, f"the daemon answered after {slowest:.2f} s"


@pytest.mark.slow
def test_a_full_disk_hurts_nothing_that_runs_and_is_got_over_when_there_is_room(tmp_path: Path) -> None:
    """A file system of 8 MB that fills up. What dies meanwhile starts when there is room again, and the daemon is the same."""
    place = tmp_path / "small"
    place.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", place], check=False).returncode:
        pytest.skip("only root can mount a small file system")
    try:
        with lodge(place / "r") as home:
            pid = home.ensure()
            home.generation(1, process(), process("worker", None))
            home.serve(1)
            (web,) = home.wait_up(1)
            worker = home.wait_row(1, "worker")
            assert worker.pid is not None
            ballast = place / "ballast"
            with open(ballast, "wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
                while True:
                    file.write(b"x" * 4096)
            os.kill(worker.pid, signal.SIGKILL)
            wait(lambda: not group.alive(worker.pid, worker.pid_start))
            for _ in range(5):  # turns of the daemon
                assert home.pid() == pid
            assert answers(web.address) == f"ok {web.pid} v1"
            ballast.unlink()
            assert home.wait_row(1, "worker", besides=worker.pid).restarts >= 1
            assert home.pid() == pid
    finally:
        subprocess.run(["umount", place], check=True)


def test_a_root_that_is_another_users_is_refused(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make another user's directory")
    (tmp_path / "r").mkdir()
    os.chown(tmp_path / "r", 12345, 12345)
    with pytest.raises(AgentError) as error:
        Root(str(tmp_path / "r"))
    assert error.value.code == "foreign"


@pytest.mark.slow
@pytest.mark.parametrize("version", ["3.9", "3.13"])
def test_it_runs_on_old_and_new_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    python = python_of(version)
    if python is None:
        pytest.skip(f"there is no Python {version} on this machine")
    with lodge(tmp_path / "r") as home:
        home.generation(1, process(instances=2), process("sock", "socket"), process("worker", None))
        home.generation(2, process("worker", None))
        monkeypatch.setattr(sys, "executable", python)
        home.ensure()
        home.serve(1)
        assert len(home.wait_up(1)) == 3
        home.wait_row(1, "worker")
        before = pids(home.rows(1))
        home.kill_daemon()
        home.ensure()
        assert pids(home.rows(1)) == before
        home.serve(2)
        wait(lambda: {row.generation for row in home.rows()} == {2})
        home.wait_row(2, "worker")
        assert "fault" not in home.log()
