"""The code of a host's error in, what it means and what to type next out. One table: errors, their page in docs and its test read it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from shipway.model.errors import AGAIN


class Advice(NamedTuple):
    """`means` completes "the host says no because …"; `next` is for a person, with {host}, {login}, {again} and commands to fill in."""

    means: str
    next: str


MEND = "mend the cause, commit, and {deploy}; {show} tells every step of this attempt"
REPORT = "this is a fault of Shipway: keep the report of the attempt and tell us; {status} tells what serves"
VERSIONS = "run the same version of Shipway on every machine that deploys, then {again}"
SETTLE = "{resume} settles what is open, then {again}"

TYPED: Mapping[str, str] = {
    **{name: name for name in ("deploy", "show", "status", "resume", "setup")},
    "backup": "data backup",
    "points": "data list",
    "migrate": "data migrate",
    "settle": "data settle",
}
"""What stands for a command in an advice."""

HOSTS: Mapping[str, Advice] = {
    # ------------------------------------------------------------ reaching a host
    "unreachable": Advice("nobody answers at its address", "check that `{login}` works from here, then {again}"),
    "overdue": Advice("it did not answer within the bound of the question", "check that `{login}` works from here, then {again}"),
    "lost": Advice("the link broke while it was asked", "check that `{login}` works from here, then {again}"),
    "closed": Advice("the channel was closed while it was asked", "{again}"),
    "protocol": Advice("it sent what our agent never sends", "`{login}` shows what its login prints; silence that, then {again}"),
    "endless": Advice("it tells more of its steps than an agent of ours ever does", REPORT),
    "noise": Advice("its login prints more than 64 KiB", "silence the start-up files of its login shell, then {again}"),
    "cut": Advice("the channel ended in the middle of what was sent", "{again}; what has arrived is kept"),
    "crowded": Advice("too many questions were under way on one channel", "{again}"),
    "login": Advice(
        "ssh could not log in, or its login shell ended",
        "check that `{login}` works as this user, then {again}; on a new machine {setup} makes the user and lets your key in",
    ),
    "sudo": Advice(
        "who logged in may not become root without a password",
        "log in as root or as one who may: {setup} --login USER; or give this one NOPASSWD in sudoers, then {again}",
    ),
    "address": Advice("its address is no address", "correct the address of {host} in shipway.toml, commit, then {again}"),
    "no-ssh": Advice("there is no ssh client here", "install the OpenSSH client on this machine, then {again}"),
    "ssh-config": Advice("ssh refuses its own configuration", "correct the line of ssh_config that it names, then {again}"),
    "host-key-unknown": Advice(
        "its host key is not known here", "compare the fingerprint with the host's own, record it by `{login}`, then {again}"
    ),
    "host-key-changed": Advice(
        "its host key is not the one on record",
        "find out why before you trust it; `ssh-keygen -R` removes the old key, `{login}` records the new one, then {again}",
    ),
    "host-key-revoked": Advice(
        "its host key is revoked", "give {host} a new host key (ssh-keygen -A on the host), record it, then {again}"
    ),
    "no-python": Advice("it has no python3 of 3.9 or newer", "{setup} installs it, or do so by hand; then {again}"),
    "user": Advice("the user of its address can be none", "correct the address of {host} in shipway.toml, commit, then {again}"),
    "keys": Advice("what should let somebody in is no public key", REPORT),
    "program": Advice("a program of its system failed", "do on {host} what it says, then {again}"),
    # -------------------------------------------------------- its disk and its root
    "root": Advice(
        "its root is no directory that this user may write",
        "set `root` of {host} in shipway.toml to one it may write, commit, then {again}",
    ),
    "name": Advice("its root belongs to another host", "give {host} a root of its own in shipway.toml, commit, then {again}"),
    "disk-full": Advice("a file system of it is full", "free space on {host} (df shows where), then {again}"),
    "read-only": Advice("a file system of it is read-only", "make it writable again on {host} (mount shows it), then {again}"),
    "denied": Advice(
        "its user may not do that there", "give the deploying user of {host} the right to ({setup} does for ports 80 and 443), then {again}"
    ),
    "io": Advice("its disk reported an error", "look at the disk of {host} (dmesg shows the error), then {again}"),
    "foreign": Advice("something at a path of ours is not ours", "look at it on {host}, move it away if nobody needs it, then {again}"),
    "missing": Advice("a file that should be there is not", "{status} tells what is not as recorded; then {again}"),
    "exists": Advice(
        "something is there already that is not the same", "look at it on {host}, move it away if nobody needs it, then {again}"
    ),
    "too-long": Advice("a name or an answer is longer than can be", "shorten the names in the release or the root of {host}, then {again}"),
    "path": Advice("a path leads out of the root, or is none", "correct the path in shipway.toml, commit, then {again}"),
    "system": Advice("its kernel refused", "look at {host}, then {again}"),
    "damaged": Advice("a file that we wrote holds something else now", "move the file that is named away on {host}, then {again}"),
    # ---------------------------------------------------------- what must not be lost
    "no-data": Advice("the generation that serves declares no such data", "{deploy} brings [data.NAME] to the hosts; then {again}"),
    "no-url": Advice("the variable that holds the URL of a database is not there", "set it in `env`, commit, {deploy}; then {again}"),
    "data-url": Advice("the URL of a database cannot be read", "correct the variable that holds it, {deploy}; then {again}"),
    "data-driver": Advice("its agent does not know this kind of data", VERSIONS),
    "migrations-unknown": Advice(
        "the database has a migration that no release on its host has",
        "ship a commit that has it: shipway deploy --ref COMMIT; or bring the database back to what this release knows",
    ),
    "database": Advice("the database says no, or cannot be reached from {host}", "mend on the database what it says, then {again}"),
    "no-program": Advice("a program of PostgreSQL is not installed there", "install it on {host} as said, then {again}"),
    "no-listener": Advice(
        "nothing of that generation listens on the host that keeps the data", "revert without --check says what it takes"
    ),
    "no-database": Advice("there is no database where `path` says", "correct `path` in shipway.toml, commit, {deploy}; then {again}"),
    "no-directory": Advice("there is no directory where `path` says", "correct `path` in shipway.toml, commit, {deploy}; then {again}"),
    "leave-out": Advice("`leave_out` names what is no table", "correct `leave_out` in shipway.toml, commit, {deploy}; then {again}"),
    "data-empty": Advice(
        "a database without a row is not taken for a good one",
        "look at the database; where it is right: {backup} --may-be-empty, then {again}",
    ),
    "data-timeout": Advice(
        "a copy or the database took longer than its bound", "raise `timeout_seconds` of the data, commit, then {again}"
    ),
    "dump": Advice("a database could not be copied", "mend what its program says, then {again}; nothing is kept of what it wrote"),
    # ---------------------------------------------------------------- migrations
    "no-migrations": Advice("the generation declares no migrations", "{deploy} brings [migrations] to the hosts; then {again}"),
    "migrations-adapter": Advice("its agent does not know this kind of migrations", VERSIONS),
    "migrations-open": Advice(
        "a migration began, and whether it took effect is not known",
        "look at the database; then {settle} MIGRATION --done where it took effect, or --again where it did not, and {again}",
    ),
    "migrations-busy": Advice("somebody else migrates this database", "{again} when that has ended"),
    "migration-failed": Advice("a migration failed", MEND),
    "migrations-changed": Advice(
        "a migration must run while requests wait, and the plan did not know of it",
        "mark one of the commit's own migrations `shipway: held`, or set `held = false` in [migrations]; commit, then {deploy}",
    ),
    "migrations-order": Advice(
        "a migration depends on one that runs only once the old release is gone",
        "deploy the commit that brought that one first, or mark both `shipway: contract`; then {deploy}",
    ),
    "migrations-marker": Advice(
        "a comment `shipway: …` of a migration asks for nothing that is known", "correct it and commit; then {deploy}"
    ),
    "migration-irreversible": Advice("a migration cannot be taken back", "{points} shows restore points; data restore brings one back"),
    "migration-refused": Advice(
        "a pending migration is what [migrations] refuses", "change it, or `refuse` in shipway.toml; then {deploy}"
    ),
    "no-open-migration": Advice("that migration is not open", "name the one that a refused {deploy} names"),
    # ------------------------------------------------------------- restore points
    "point-busy": Advice("a restore point of the same data is being taken", "{again} when it is there: {points}"),
    "point-damaged": Advice("a restore point cannot be read back", "{points} shows the others; {backup} takes a new one"),
    "no-point": Advice("there is no restore point of that name", "{points} shows those that are there"),
    "older-server": Advice("a restore point is of a newer PostgreSQL than the server", "upgrade the server, then {again}"),
    "restore": Advice("a restore point could not be restored; what serves was not touched", "mend what pg_restore says, then {again}"),
    "swap": Advice("the live data could not be replaced, and was not touched", "mend what is said, then {again}"),
    "still-writing": Advice(
        "somebody still writes there, and requests cannot wait for the data to stand still",
        "see what it names; give it more drain_seconds or end it, then {again}",
    ),
    "restoring": Advice("it puts data back before it goes back", "{resume} waits for it"),
    "nobody-heard": Advice(
        "before it puts data back it asks another host whether it was written off meanwhile, and none answers",
        "bring another host back, or {resume} from where all can be reached",
    ),
    "restore-differs": Advice("what a restore brought back is not what was copied; it was taken away again", "{again}; then tell us"),
    "mask": Advice(
        "a copy cannot be masked as `mask` says, and did not leave the host", "correct `mask` in shipway.toml, commit, then {again}"
    ),
    "no-copies": Advice("no copies elsewhere are declared of this data", "set `copies` in shipway.toml, commit, {deploy}; then {again}"),
    "no-copy": Advice("no place has a copy of that restore point that can be read", "{points} shows what each place has"),
    "copy-place": Advice("a place for copies says no, or cannot be reached from {host}", "mend there what it says, then {again}"),
    "copy-damaged": Advice("a copy elsewhere is not what was sent", "name another point or place: {points} shows them"),
    "journal": Advice("its journal cannot be read or trusted", "{fix} makes it anew of what can be read of it; then {again}"),
    "tampered": Advice(
        "its journal was changed by its disk or by somebody else",
        "{fix} makes it anew of what can be read of it; then find out who writes to {host}, and {again}",
    ),
    "format": Advice("its journal is of another version of Shipway", VERSIONS),
    "crontab": Advice("the crontab of its user cannot be read or written", "look at `crontab -l` on {host}, then {again}"),
    "unit": Advice("systemd does not take its unit", "look at `systemctl --user status` on {host}, then {again}"),
    "busy": Advice("a step of an earlier deployment still runs", "it is ended at its own timeout; then {again}"),
    # ----------------------------------------------------------- what was shipped
    "flipped": Advice(
        "content is not what its name says: a damaged disk", "check the disk of {host}, then {again}; the content is sent anew"
    ),
    "lacking": Advice("content of the release is not there", "{again} sends what is missing"),
    "body": Advice("what arrived is not what was announced", "{again}"),
    "digest": Advice("a digest is none", REPORT),
    "manifest": Advice("the list of the release's files is not as it must be", "{again}; if it stays, " + REPORT),
    "parcel": Advice("what arrived cannot be unpacked", "{again}; if it stays, " + REPORT),
    "parcel-gone": Advice("a part that had arrived is not there any more, or is damaged", "{again} sends it anew"),
    "feed": Advice("it cannot take part where hosts pass content on to each other", "{again}; what it lacks is sent to it straight"),
    "shadowed": Advice(
        "the release would hide a shared path", "remove what is named from the commit (git rm --cached), commit, then {deploy}"
    ),
    "no-release": Advice("the release is not complete there", "{deploy} brings it"),
    "tool": Advice("a tool of [toolchain] is not what was sent", "{again}; if it stays, " + REPORT),
    "timezone": Advice(
        "it does not know the time zone of a job",
        "install tzdata on {host}, or set another `timezone` in shipway.toml and commit; then {again}",
    ),
    "no-generation": Advice("the generation is not there", "{deploy} makes a new one"),
    # ------------------------------------------------------------------- commands
    "build-failed": Advice("a command of [build] failed on the build host", MEND),
    "build-outputs": Advice("the build host made what cannot be shipped, or not what `outputs` says", MEND),
    "task-failed": Advice("a task ended with another code than 0", MEND),
    "task-timeout": Advice("a task did not end in time, and was ended with all that it had started", MEND),
    "unknown-outcome": Advice(
        "a task began and nobody saw it end", "give the task a `check` in shipway.toml, or look whether it took effect; then {deploy}"
    ),
    "directory": Advice("a directory that shipway.toml names is not in the release", MEND),
    "stuck": Advice(
        "processes do not end, not even by SIGKILL", "look at them on {host} (they wait for the kernel: ps shows D), then {again}"
    ),
    # ------------------------------------------------------------------ processes
    "died": Advice("a process of the new release ended", MEND),
    "unhealthy": Advice("a process of the new release is not healthy", MEND),
    "port": Advice("a process does not have its port: another one answers there", "{again}; another port is chosen"),
    "waiting": Advice("processes were not settled in time", MEND),
    "supervisor": Advice("its supervisor does not answer", "its log is named above; {again} starts it anew"),
    "no-process": Advice("no process of that name is on this host", "name one of those that are listed"),
    # ---------------------------------------------------------------- front door
    "front": Advice("it is not clear which process requests go to", "call the process that answers requests web, commit, then {deploy}"),
    "front-door": Advice("the front door does not answer with the new release", MEND),
    "not-ours": Advice("who listens is no process of this release", MEND),
    "target": Advice("a notification may not be sent to such a target", "correct `notify` in shipway.toml, commit, then {deploy}"),
    "slots": Advice("a process has no address yet", "{again}"),
    "floor": Advice(
        "too few hosts outside its batch serve", "mend the hosts that are named, or lower floor_hosts in shipway.toml; then {deploy}"
    ),
    "not-current": Advice("what should be proved is not current", "{status} tells what serves; then {again}"),
    "listen": Advice("its proxy cannot listen there", "correct `listen` of {host} in shipway.toml, commit, then {deploy}"),
    "port-taken": Advice(
        "another program holds the proxy's address", "end it, or set another `listen` for {host} in shipway.toml and commit; then {again}"
    ),
    "port-reserved": Advice(
        "ports 80 and 443 are reserved there",
        "{setup} opens them to its user; or set `listen` of {host} to a port above 1023 and commit; then {again}",
    ),
    "site": Advice("the site cannot have that name", "correct `app` in shipway.toml, commit, then {deploy}"),
    "site-taken": Advice("another application has that domain or address", "give one of the two another domain or `listen`, then {deploy}"),
    "no-blob": Advice("Caddy has not arrived there", "{again}"),
    "no-binary": Advice("there is no Caddy yet", "{deploy} brings it"),
    "proxy-binary": Advice("this Caddy cannot be executed there", "set SHIPWAY_CADDY to one for the platform of {host}, then {again}"),
    "proxy-died": Advice("Caddy does not stay up", "its last lines are above; mend what they name, then {again}"),
    "proxy-lost": Advice("Caddy does not answer", "{again}; its supervisor starts it anew"),
    "proxy-refused": Advice(
        "Caddy refuses the sites, and goes on with the old ones", "correct the domains in shipway.toml, commit, then {deploy}"
    ),
    # ------------------------------------------------------------------ the record
    "held": Advice("another deployment holds its lease", "{status} tells what serves; {again} when the other one has ended"),
    "lease": Advice("this deployment does not hold its lease", SETTLE),
    "expired": Advice("the lease ran out: the driver was not heard in time", SETTLE),
    "fenced": Advice("a later deployment has begun there", SETTLE),
    "settled": Advice("the deployment was decided already", SETTLE),
    "unsettled": Advice("another deployment is not decided there", SETTLE),
    "behind": Advice("it does not serve yet what was committed", "it goes on by itself; {resume} tells when it does"),
    "unknown": Advice("it never heard of this deployment", SETTLE),
    "lead": Advice("another host is the lead of this deployment", SETTLE),
    "order": Advice("the step came before its time", SETTLE),
    "ended": Advice("the channel ended before this step began", SETTLE),
    # ---------------------------------------------------------------- the agent
    "facts": Advice("it answered what this Shipway cannot read", VERSIONS),
    "message": Advice("the agent does not know that message", VERSIONS),
    "steps": Advice("the agent cannot read the list of steps", VERSIONS),
    "unknown-call": Advice("the agent does not know that call", VERSIONS),
    "unknown-step": Advice("the agent does not know that step", VERSIONS),
    "internal": Advice("a fault in the agent itself", REPORT),
}
"""Every code that a host's error can have."""

OTHER = Advice("it says no", MEND)


def hint(code: str, *, environment: str, host: str = "", address: str = "") -> str:
    """What to type next about a host's error. An unknown code gets the general advice."""
    login = "python3 -V" if address == "local" else f"ssh {address or 'ADDRESS'} true"
    commands = {name: f"shipway {typed} {environment}" for name, typed in TYPED.items()}
    fix = f"shipway doctor {environment} --fix"
    return HOSTS.get(code, OTHER).next.format(host=host or "the host", login=login, again=AGAIN, fix=fix, **commands)
