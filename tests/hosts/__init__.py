"""A number in, that many real hosts out: network namespaces with their own sshd, root, processes, clock and `deploy` user."""

from tests.hosts.fleet import Hosts
from tests.hosts.ground import why_not

__all__ = ["Hosts", "why_not"]
