"""A page asked at the proxy in; out, whether the answer is good and came from the generation that should serve: proved, not assumed."""

from __future__ import annotations

from shipway_agent.caddy import token
from shipway_agent.caddy.ports import reachable
from shipway_agent.probes import Answer, ask, fault
from shipway_agent.record import dataclass
from shipway_agent.typed import Any, FrozenSet, Mapping, Optional

RELEASE_HEADER = "shipway-release"
UPSTREAM_HEADER = "shipway-upstream"


@dataclass(frozen=True)
class FrontDoor:
    """Where requests come in, the name to ask for ("" for any), the host's token; and what must answer there.

    `addresses` are those of the generation that should serve; none for a site of files.
    """

    listen: str
    host: str
    token: str
    release: str
    addresses: FrozenSet[str]

    def ask(self, page: Mapping[str, Any]) -> Answer:
        """Ask for a page as a client would, and as one of ours; a `public` page as anybody, who is only told who answered."""
        address = reachable(self.listen)
        said = f"{self.token}{token.PUBLIC}" if page.get("public") else self.token
        name = self.host or address  # never ":8080": an application may refuse what is no name of a host
        return ask(address, page["path"], float(page.get("timeout_seconds", 5.0)), host=name, headers={token.HEADER: said})

    def fault(self, answer: Answer, page: Mapping[str, Any]) -> Optional[str]:
        """Why this answer proves nothing; None when it is good and from this generation. A static file needs no address."""
        wrong = fault(answer, page)
        if wrong is not None:
            return wrong
        release = answer.headers.get(RELEASE_HEADER, "")
        if release != self.release:
            return (
                f"release {release[:12] or '(none)'} answered instead of {self.release[:12]}"
                if release
                else "the answer does not say which release it is of"
            )
        upstream = _plain(answer.headers.get(UPSTREAM_HEADER, ""))
        if upstream and upstream not in self.addresses:
            return f"{upstream} answered, which is no address of this generation ({', '.join(sorted(self.addresses)) or 'it has none'})"
        return None


def _plain(upstream: str) -> str:
    """The address as it stands in a slot: Caddy says tcp/ before a port. Where a file answered, Caddy leaves its placeholder as it is."""
    if upstream.startswith("{"):
        return ""
    return upstream[len("tcp/") :] if upstream.startswith("tcp/") else upstream
