"""A generation whose tasks have run in; out, its files as the proxy serves them: ETags that follow the content, and assets that stay."""

from __future__ import annotations

import os
import stat

from shipway_agent import assets
from shipway_agent.errors import AgentError, Foreign, Missing, naming
from shipway_agent.primitives import Context, blobs, generations, trees
from shipway_agent.root import Root
from shipway_agent.stamp import stamp
from shipway_agent.typed import Any, Dict, List, Mapping
from shipway_agent.walk import walk

NAMED = 3
"""Most names in a note."""


def lay(context: Context, args: Mapping[str, Any]) -> Dict[str, Any]:
    """Stamp what the tasks of generation `number` wrote below `static`, and add its assets to those that stay reachable:
    {"stamped", "assets", "added", "note"?}. Idempotent.

    `note` names assets whose content is another than in an earlier release: whoever has the earlier one asks for it no more for a year.
    Raises AgentError: `no-generation`, or a fault of the disk.
    """
    root, number = context.root, int(args["number"])
    document = generations.read(root, number)
    if document is None:
        raise AgentError("no-generation", f"generation {number} is not on this host", generation=number)
    stamped = _stamp_outputs(root, document)
    laid = assets.lay(root, newest_first(root), forget=False)
    answer: Dict[str, Any] = {"stamped": stamped, "assets": laid.files, "added": laid.added}
    if laid.twice:
        more = f" and {len(laid.twice) - NAMED} more" if len(laid.twice) > NAMED else ""
        names = ", ".join(f"/{name}" for name in laid.twice[:NAMED])
        answer["note"] = (
            f"{names}{more} of assets changed under the same name: visitors keep what they have of it for a year; "
            "put a hash of the content into the name, or take the directory out of assets"
        )
    return answer


def newest_first(root: Root) -> List[Dict[str, Any]]:
    """The documents of all generations on disk."""
    return [document for _, document in sorted(generations.documents(root).items(), reverse=True)]


def _stamp_outputs(root: Root, document: Mapping[str, Any]) -> int:
    """What was shipped got its time when the tree was made; what tasks wrote here is read for it."""
    static = document.get("static")
    if not static:
        return 0
    try:
        outputs = root.at(f"{trees.OUTPUTS}/{document['release']}/{static}")
    except (Missing, Foreign):
        return 0
    stamped = 0
    with outputs:
        for _, place, name, info in walk(outputs):
            if not stat.S_ISREG(info.st_mode) or info.st_uid != os.geteuid():
                continue
            file = place.file(name)
            try:
                digest, _ = blobs.digest_of_file(file)
            finally:
                os.close(file)
            with naming(place.full(name)):
                stamped += stamp(place.fd, name, digest)
    return stamped
