"""A project and an environment in, its encrypted secrets out: those that HEAD holds, and the folder of the checkout."""

from __future__ import annotations

from collections.abc import Mapping

from shipway.config.secrets.age import MOST_BYTES
from shipway.config.secrets.folder import ENDING, RECIPIENTS, Folder, place_of
from shipway.flows.project import Project
from shipway.model.errors import WrongInput


def sealed_at(project: Project, environment: str) -> Mapping[str, bytes]:
    """The files of HEAD by their path in the repository. Raises WrongInput naming every file that is none of ours."""
    place = place_of(project.place.directory, environment)
    mode, oid = project.repository.find(project.commit, place)
    found: dict[str, str] = {}
    faults: list[str] = [] if mode in ("", "040000") else [f"{place}: is no directory"]
    for kind, blob, name in project.repository.entries(oid) if mode == "040000" else ():
        text = name.decode("utf-8", "backslashreplace")
        if text == RECIPIENTS:
            continue
        fault = _fault(kind, text)
        if fault:
            faults.append(f"{place}/{text}: {fault}")
        found[f"{place}/{text}"] = blob
    contents: dict[str, bytes] = {}
    if not faults and found:
        for path, content in zip(found, project.repository.git.blobs(found.values()), strict=True):
            if content.size > MOST_BYTES:
                faults.append(f"{path}: is larger than any secret may be, {content.size:,} bytes")
            else:
                contents[path] = content.content()
    if faults:
        raise WrongInput(
            f"{place} holds what is no secret",
            state="nothing was touched",
            hint="take it away (git rm), or name it NAME.age, and commit",
            code="secret-file",
            details=faults,
        )
    return contents


def variables(sealed: Mapping[str, bytes]) -> dict[str, str]:
    """The file of each variable."""
    return {path.rpartition("/")[2].removesuffix(ENDING): path for path in sealed}


def folder_of(project: Project, environment: str) -> Folder:
    """The folder in the checkout, where a change is made."""
    return Folder(project.place.repository / place_of(project.place.directory, environment))


def same(here: bytes | None, head: bytes | None) -> bool:
    """Whether a file of the checkout is what HEAD has; git may write line ends of its own."""
    return here == head or (here is not None and head is not None and here.replace(b"\r\n", b"\n") == head.replace(b"\r\n", b"\n"))


def name_fault(name: str) -> str:
    """Why a variable cannot have this name; "" where it can."""
    from shipway.config.forms import read_env_name  # brings pydantic, which most commands never need

    try:
        read_env_name(name)
    except ValueError as fault:
        return str(fault) or "is no name of a variable: letters, digits and underscores, and no digit first"
    return ""


def _fault(kind: str, name: str) -> str:
    if kind not in ("100644", "100755", "100664"):
        return "is not a plain file"
    if not name.endswith(ENDING):
        return f"has no name that ends in {ENDING}"
    return name_fault(name.removesuffix(ENDING))
