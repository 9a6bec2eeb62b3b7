"""A group of faults in, promises kept or broken out: the fault matrix on real hosts, with real sshd, proxy, processes and visitors.

The contract between the harness and a group of faults (tests/faults/groups/NAME.py, listed in groups/__init__.py):

    GROUP = Group("network", (Family("cut-4", 4, cases),))
    def cases(ground: Ground) -> Iterable[Case]: ...        # `ground` is a standing fleet of that size, for who enumerates by looking

A **Case** has a name that is the same in every run and a function that makes its fault: `run(trial)`. Its full name, for `bin/faults
--case`, is GROUP/FAMILY/NAME. A **Ground** is the fleet: `hosts` (tests/hosts.Hosts), `project`, `author` (commits versions of the sample
application), `times` with their bound T, `watch` (what each host's link and journal said, and when), `elsewhere` (a second clone).
Cases follow each other on one ground; one that breaks a promise costs it, and the next case gets a new one.

A **Trial** is one case on one ground, under load from before `run` until everything is quiet again:

    version = trial.commit(**behaviour)      commit a version of the application; it may serve from now on
    drive = trial.drive("deploy", fault=Fault(moment, signal, with_ssh))      the real command line, which does that to itself there
    drive.ended()                            wait for its end; `.code`, `.events`, `.text`
    trial.struck()                           the fault happens now: the clock of T begins (a drive that dies begins it by itself)
    trial.suffers(drive, seconds)            the fault comes somewhere in this drive, which lives and may wait so long for a host: T + that
    trial.status()                           `status --json` from another clone and HOME; its truth is checked against the watch
    trial.decided()                          wait until no host has an undecided deployment; more than T is a broken promise
    trial.next_deploy()                      `deploy` without any force; must start within the lease and end live
    with trial.dark(host): ...               visitors, status and watch may miss this host meanwhile; everything else is still promised
    trial.expect(condition, sentence)        a promise of this case alone

`run` needs to leave nothing behind but a fleet that settles by itself; call `next_deploy` where the case is about it, else the harness
does. Then promises.py looks from outside, and each sentence it answers is a broken promise: one release everywhere (front doors, links,
working directories of processes, journals, status), decided within T, one decision for each deployment, no failed request, each answer
of a version that its host's link had, no wait of a driver beyond its bound, no step or task applied twice, no process left of what
does not serve. What a broken case leaves to read lies in the directory that its result names.

Each case begins with a spare tree on every host (spares.py, decision 0049), unless its family says `spare=False`; its result says how
many there were and of how many a release was made. A run of several cases that used none at all is red.

A family with a `disk` has hosts whose /home is a file system of its own (tests/hosts/disk.py), which fills up and can be spoilt. What a
host may have on its disk after a loss of power is asked of `power/`: recording, platter, losses, judge.

For rehearsals (`Ground.rehearse`) and what moments are called, see moments.py.
"""

from tests.faults.case import Case, Family, Group, Result
from tests.faults.drive import Drive
from tests.faults.ground import Ground, Times
from tests.faults.moments import Fault
from tests.faults.trial import Trial

__all__ = ["Case", "Drive", "Family", "Fault", "Ground", "Group", "Result", "Times", "Trial"]
