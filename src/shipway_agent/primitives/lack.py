"""What is to be on this host in, what is not here out: manifests as what they change in one that is here, and single blobs."""

from __future__ import annotations

import os
import zlib

from shipway_agent import manifest
from shipway_agent.body import Parts
from shipway_agent.errors import AgentError, Missing
from shipway_agent.manifest import digest_of
from shipway_agent.primitives import Context, blobs, intake, manifests, parcels
from shipway_agent.primitives.intake import FOLDER, name_of, shelf_of
from shipway_agent.primitives.seals import SEAL
from shipway_agent.root import Root
from shipway_agent.typed import AbstractSet, Any, Dict, Iterable, Iterator, List, Mapping, Optional, Tuple


def lack(context: Context, args: Mapping[str, Any], body: Iterable[bytes] = ()) -> Dict[str, Any]:
    """Which of the blobs are not here: {"lacking", "manifests", "blobs": how many are here at all, "parcels": names of those kept,
    "free_bytes"}.

    With `bring`, what `parcels` is asked with, the body are parcels, which are unpacked first; "brought" is what that answers.

    Of each manifest in `manifests` the answer has the places of those of its contents that are not here (first and behind the last of
    each run, in the order of `manifest.contents`), or null where it is not known. One is known when it is a blob of this host, or comes
    whole (`size` bytes of the packed body), or is what `put` and `removed` make of the manifest `base`; then it is kept.
    A blob that is here with the other mode is copied: a changed mode sends no bytes.
    """
    root = context.root
    brought = {"brought": parcels.take(context, args["bring"], body)} if "bring" in args else {}
    whole = Parts(_unpacked(() if brought else body))
    known = [_known(context, one, whole) for one in args.get("manifests", ())]
    with root.at(FOLDER, create=True) as folder:
        here = set(intake.names_in(folder))
        lacking = [[digest, executable] for digest, executable in _asked(args) if _lacks(root, here, digest, executable)]
        runs = [None if data is None else _runs(root, here, data) for data in known]
    kept, free_bytes = parcels.kept(root), root.room()[0]
    return {"lacking": lacking, "manifests": runs, "blobs": len(here), "parcels": kept, "free_bytes": free_bytes, **brought}


def _asked(args: Mapping[str, Any]) -> List[Tuple[str, bool]]:
    return [(digest_of(digest), bool(executable)) for digest, executable in args.get("blobs", ())]


def _known(context: Context, one: Mapping[str, Any], whole: Parts) -> Optional[bytes]:
    """A manifest that is or can be here, None for any other."""
    root = context.root
    digest = digest_of(one["digest"])
    if "size" in one:
        data = b"".join(whole.take(int(one["size"])))
    else:
        found = _read(root, digest)
        base = _read(root, digest_of(one["base"])) if found is None and one.get("base") else None
        if found is not None or base is None:
            return found
        data = manifest.changed(base, one["put"], one["removed"])
        if manifest.digest(data) != digest:
            return None
        if context.journal.meta(SEAL + digest_of(one["base"])) is not None:  # of a release that was made here
            manifests.know_changed(data, one["put"])
    blobs.keep(root, [(digest, False, len(data))], [data])
    return data


def _read(root: Root, digest: str) -> Optional[bytes]:
    try:
        return blobs.read(root, digest)
    except Missing:
        return None
    except AgentError as error:
        if error.code != "flipped":
            raise
        return None  # it is brought anew over the damaged one


def _runs(root: Root, here: AbstractSet[str], data: bytes) -> List[int]:
    """Where, among the contents of a manifest, those are that are not here: first, behind the last, first, behind the last…"""
    runs: List[int] = []
    for place, (digest, executable, _) in enumerate(manifest.contents(manifests.entries(data))):
        if _lacks(root, here, digest, executable):
            if runs and runs[-1] == place:
                runs[-1] = place + 1
            else:
                runs += [place, place + 1]
    return runs


def _lacks(root: Root, here: AbstractSet[str], digest: str, executable: bool) -> bool:
    if name_of(digest, executable) in here:
        return False
    return name_of(digest, not executable) not in here or not _copy_twin(root, digest, executable)


def _copy_twin(root: Root, digest: str, executable: bool) -> bool:
    with root.at(f"{FOLDER}/{shelf_of(digest)}") as shelf:
        try:
            fd = shelf.file(name_of(digest, not executable))
        except Missing:
            return False
        with os.fdopen(fd, "rb") as file:
            size = os.fstat(fd).st_size
            try:
                blobs.keep(root, [(digest, executable, size)], iter(lambda: file.read(blobs.CHUNK), b""))
            except AgentError as error:
                if error.code == "flipped":
                    return False
                raise
            return True


def _unpacked(body: Iterable[bytes]) -> Iterator[bytes]:
    """Undo zlib, never more than a chunk at a time: whoever reads stops where the announced sizes end."""
    unpacking = zlib.decompressobj()
    try:
        for packed in body:
            while packed:
                part = unpacking.decompress(packed, blobs.CHUNK)
                packed = unpacking.unconsumed_tail
                if part:
                    yield part
                elif unpacking.eof:
                    break
        if not unpacking.eof:
            raise AgentError("body", "the packed body ends early; nothing was kept")
    except zlib.error as error:
        raise AgentError("body", f"the packed body is damaged: {error}; nothing was kept") from None
