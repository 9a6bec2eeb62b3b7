"""The code of an error of this machine in, what it means and what to type next in short out: the page of errors and `explain` read it.

The codes of hosts have their advice in flows/hints.py. Where one of these is raised it words its own hint, which knows more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Line(NamedTuple):
    """One code of this machine: what it means, and what to type next in short."""

    means: str
    next: str


OPERATOR: Mapping[str, Line] = {
    # ------------------------------------------------------- what was typed and written
    "input": Line("the configuration says something that cannot be done", "correct what is named and commit; then the same command again"),
    "config": Line("shipway.toml has faults, and all are listed", "correct them and commit; then the same command again"),
    "no-config": Line("there is no shipway.toml", "shipway init writes one; commit it"),
    "config-there": Line("init would write over a shipway.toml that is another one", "shipway init --dry-run shows it, --force writes it"),
    "not-recognised": Line("init cannot tell how the application is run", "shipway init --run 'COMMAND'"),
    "answers": Line("what was said to init cannot stand in shipway.toml", "shipway init --help tells what each option takes"),
    "cannot-write": Line("shipway.toml cannot be written", "make the directory writable, or shipway init --dry-run"),
    "no-file": Line("the commit has no such file", "git add and commit what is named"),
    "environment": Line("no environment of that name, or several and none was named", "name one of those that are listed"),
    "secret": Line("a value that nobody may see cannot be had, or cannot be one", "do what each line says; then the same command again"),
    "secret-name": Line("a secret cannot have this name, or there is none of it", "shipway secrets list ENV has the names"),
    "secret-value": Line("a value cannot be a secret, or was typed where others can see it", "pipe it, or type it when asked"),
    "secret-file": Line("a file of .shipway-secrets cannot be used", "do what each line says and commit"),
    "authority": Line("the file that `ca` names holds no certificates", "put them there as PEM, and commit"),
    "secret-key": Line("you have no key of your own for secrets", "shipway secrets keygen"),
    "recipient": Line("what was typed is nobody whom one can encrypt to", "shipway secrets recipients list ENV; age1… or ssh-ed25519 …"),
    "unknown-data": Line("shipway.toml declares no such data, or no host has its roles", "shipway data list ENV shows all"),
    "unknown-point": Line("no restore point is called that", "shipway data list ENV shows all"),
    "unmasked": Line("no mask is declared, so an export would hold every value as it is", "declare [data.NAME.mask], or say --unmasked"),
    "file-there": Line("the file that should be written is there already, or cannot be written", "--to another file"),
    "unknown-place": Line("shipway.toml declares no such place for copies of the data", "name one that is in `copies` of [data.NAME]"),
    "setting": Line("the application gets no variable of that name", "shipway config ENV lists them"),
    "variable": Line("a variable that notifications need is not set here, or holds no target", "export it; then the same command again"),
    "other-app": Line("the commit is of another application", "ship a commit of this one"),
    "ref": Line("--ref names no commit, or several", "name one: git log shows them"),
    "no-host": Line("a name is no host, or --without names all of them", "name hosts of the environment"),
    "process": Line("no host has a log of a process of that name", "name one of those that are listed"),
    "release": Line("no host keeps logs of that generation", "shipway history ENV lists the generations"),
    "deployment": Line("no deployment of that name, or several", "shipway history ENV lists them"),
    "page": Line("the page of a deployment cannot be written where it is wanted", "shipway show ENV DEPLOYMENT --html OTHER.html"),
    "no-code": Line("no error has a code of that name", "shipway explain CODE, with one of docs/reference/errors.md"),
    # -------------------------------------------------------------------- the repository
    "no-repository": Line("here is no git repository", "go to the checkout, or git init and commit"),
    "repository": Line("git cannot read the repository", "git fsck says what is wrong"),
    "foreign-repository": Line("the repository belongs to another user", "git config --global --add safe.directory, or as its owner"),
    "no-git": Line("git is not installed", "install git 2.30 or newer"),
    "git": Line("git failed", "git fsck; git fetch where objects are missing"),
    "filter": Line("a filter of the repository would run a program", "--ref names the commit; then no filter is asked"),
    "requires": Line("the commit does not meet `requires` of the environment", "do what each line says, or deploy elsewhere"),
    # ----------------------------------------------------------------------- the release
    "tree": Line("paths of the commit cannot be shipped", "do what each line says and commit"),
    "subdirectory": Line("`subdirectory` is no directory of the commit", "correct it in shipway.toml and commit"),
    "empty": Line("what would be shipped has no file", "commit something, or correct `subdirectory`"),
    "content-changed": Line("a file changed while it was read", "the same command again"),
    "toolchain": Line(
        "a tool of [toolchain] cannot be had, or is not what its checksum says", "do what is said; then the same command again"
    ),
    "cache": Line("the cache of builds cannot be written", "make it writable, or set XDG_CACHE_HOME"),
    "build": Line("a command of the build failed", "mend it and commit; then the same command again"),
    "dropped": Line("the release no longer shares a path that has content", "put it back into `shared`, or move the content away"),
    "key-page": Line("a key page cannot be asked", "correct `key_pages` of the environment and commit"),
    "caddy-missing": Line("Caddy is not installed here", "install the package that is named"),
    "caddy-platform": Line("the Caddy installed here is for another platform", "SHIPWAY_CADDY names one for the host"),
    # ------------------------------------------------------------------ before it begins
    "refused": Line("something stands in the way", "do what is said"),
    "unread": Line("a host could not be read", "shipway status ENV says why"),
    "host": Line("a host says that it cannot take a release", "mend what it says; then the same command again"),
    "python": Line("python3 of a host is older than 3.9", "install a newer one there; then the same command again"),
    "root-taken": Line("the root of a host belongs to another host", "give it a root of its own in shipway.toml"),
    "member-missing": Line("a recorded member is missing from shipway.toml", "shipway host remove ENV NAME, or put it back"),
    "key-file": Line("a file of keys holds what is no public key of ssh", "name the .pub file, which ssh-keygen -y prints too"),
    "no-key": Line("it cannot be told which key let us in", "shipway setup ENV --key ~/.ssh/id_ed25519.pub"),
    "host-there": Line("the host that should be added is there already", "shipway setup ENV; shipway deploy ENV"),
    "config-edited": Line("shipway.toml is not as HEAD has it, so a host cannot be written into it", "commit it or take the change back"),
    "config-form": Line("shipway.toml is written in a way that a host cannot be put into", "write the line that is shown, and commit"),
    "last-host": Line("the host that should leave is the only one", "shipway remove ENV"),
    "not-lost": Line("the host that should be written off answers and serves", "shipway host remove ENV NAME, without --lost"),
    "no-address": Line("the host that should leave is not in shipway.toml, and nobody remembers it", "put it back, or --lost"),
    "overtaken": Line(
        "this driver was not heard for longer than its lease, and the hosts went on without it", "shipway status ENV; then again"
    ),
    "lease-held": Line(
        "somebody else deploys: who, since when, and on which host", "shipway status ENV; the same command again afterwards"
    ),
    "lease-raced": Line("another operator is always quicker", "the same command again when the other one has ended"),
    "lease-refused": Line("a host refuses its lease", "shipway status ENV, shipway resume ENV"),
    "lead-missing": Line("a deployment is open whose lead takes no part", "shipway resume ENV with it, or shipway abort ENV --lost LEAD"),
    # ------------------------------------------------------------------------ migrations
    "migration-unread": Line("a migration of the commit cannot be read: file and line are named", "correct it and commit"),
    "migration-order": Line(
        "a migration depends on one that runs only once the old release is gone",
        "shipway deploy ENV --ref COMMIT of the one that brought that first",
    ),
    "migrations-refused": Line("pending migrations are what [migrations] refuses", "change them, or `refuse`, and commit"),
    "migrations-keeper": Line("the host that runs migrations takes no part, or there is none", "mend it; then the same command again"),
    "held-migrations": Line("requests cannot be held for a held migration on this fleet", "docs/howto/migrations.md says what that needs"),
    "migrations-between": Line(
        "migrations that the earlier release cannot live with came since, or its own went", "shipway revert ENV GENERATION"
    ),
    "no-migrations-here": Line("nothing that serves has migrations", "shipway deploy ENV"),
    "release-before": Line("a release before still runs, and may need what would go", "shipway status ENV; the same command again"),
    "settle-how": Line("it was not said how a migration ended", "shipway data settle ENV MIGRATION --done, or --again"),
    # -------------------------------------------------------------------------- rollback
    "no-previous": Line("nothing was current before", "shipway history ENV"),
    "target-unknown": Line("no good generation is called that", "one of the numbers that are listed"),
    "target-ambiguous": Line("several releases are called that", "one of the numbers that are listed"),
    "unfit-order": Line("what was ordered cannot be, and all that is wrong with it is listed", "the command's --help tells what it takes"),
    "nothing-runs": Line("nothing of what was named runs", "shipway start ENV where it is stopped"),
    "nothing-current": Line("a host serves nothing yet", "shipway deploy ENV"),
    "disagree": Line("the hosts do not serve one generation", "shipway deploy ENV makes them serve one"),
    "cannot-hold": Line("there is nobody to hold requests for", "shipway maintenance on ENV shows a page"),
    "cannot-check": Line("the earlier release would be started with live data", "shipway revert ENV says what it would do"),
    "no-page": Line("a page for visitors cannot be read", "name a file of HTML in UTF-8"),
    "irreversible": Line("migrations since then cannot be taken back", "shipway revert ENV STATE --hard shows what its data would lose"),
    "no-point-then": Line("no restore point of that time is there", "shipway data list ENV; without --hard only code and schema go back"),
    "not-settled-yet": Line("an earlier deployment is open, and may still change the data", "shipway resume ENV; the same command again"),
    "changed-meanwhile": Line("another command began while this one was asking", "the same command again"),
    "held-back": Line("the commit contains what was reverted", "shipway release ENV, once it is mended"),
    "not-held-back": Line("the commit is not held back", "shipway release ENV releases all that is"),
    "report": Line("a file is no report of a deployment that replaced something", "name one of .shipway/reports/"),
    "target-lacking": Line("a host has not got that generation", "shipway deploy ENV --ref COMMIT brings it"),
    # --------------------------------------------------------------------------- endings
    "failed": Line("it was tried, failed and was undone", "mend the cause; then the same command again"),
    "interrupted": Line("it was interrupted before anything was touched, or was undone", "the same command again"),
    "undone": Line("what an interrupted driver left was undone", "shipway deploy ENV ships it again"),
    "committed": Line("it was committed before the abort", "shipway rollback ENV goes back"),
    "unsettled": Line("something is not settled", "shipway resume ENV"),
    "lead-silent": Line(
        "the lead cannot be heard, so nothing is decided", "shipway resume ENV; hosts go back by themselves at their deadline"
    ),
    "unrestored": Line(
        "a deployment that held requests is undone, and its lead cannot put the data back: nobody writes until it can",
        "mend what the host says, then shipway resume ENV; the host tries again by itself too",
    ),
    "behind": Line("it is decided, and a host has not acknowledged it", "shipway resume ENV; the host asks the lead by itself"),
    "left-out": Line("it is live, and hosts that were left out are behind", "shipway deploy ENV --ref COMMIT when they can be reached"),
    "not-removed": Line("a host could not be cleared", "the same command again"),
    "not-recorded": Line("a host left, and another one has not recorded it", "the same command again"),
}
"""Codes that are raised on this machine. Codes of hosts stand in flows/hints.py."""
