"""A directory in, the project out: its repository, and the shipway.toml that HEAD holds."""

from __future__ import annotations

from pathlib import Path

from shipway.config.locate import Place, locate
from shipway.model.errors import ShipwayError, WrongInput
from shipway.model.release import Source
from shipway.release.git import GitSilent
from shipway.release.refs import resolve_ref
from shipway.release.source import Repository
from shipway_agent.record import dataclass


@dataclass(frozen=True, slots=True)
class Project:
    """`directory` is where shipway.toml lies, and where `.shipway/` keeps reports; `head` is the configuration at HEAD, `source`."""

    place: Place
    repository: Repository
    head: bytes
    source: Source

    @property
    def commit(self) -> str:
        return self.source.commit

    @property
    def directory(self) -> Path:
        return self.place.repository / self.place.directory

    def environment(self, name: str | None) -> str:
        """The environment that is meant: the one named, or the only one. Raises WrongInput naming them all."""
        if name is not None:
            return name
        names = self._environments()
        if len(names) == 1:
            return names[0]
        raise WrongInput(
            "no environment was named, and the configuration has " + (f"several: {', '.join(names)}" if names else "none"),
            state="nothing was touched",
            hint=f"name it: shipway deploy {names[0]}" if names else f"add [environment.NAME] with its hosts to {self.place.file}",
            code="environment",
        )

    def meant(self, name: str | None) -> str:
        """The same for a record of a try: "" where nobody can know which one was meant."""
        try:
            return self.environment(name)
        except ShipwayError:
            return ""

    def _environments(self) -> list[str]:
        """Their names. Raises WrongInput where the file is wrong; one that has a single name is validated when that is resolved."""
        import tomllib  # only who names no environment needs it

        try:
            found = tomllib.loads(self.head.decode("utf-8")).get("environment")
        except (ValueError, RecursionError):
            found = None
        if isinstance(found, dict) and len(found) == 1:
            return list(found)
        from shipway.config.load import load  # brings pydantic along

        return list(load(self.head, self.place.file).document.environment)


def open_project(directory: Path) -> Project:
    """Find shipway.toml upward from `directory` and read it at HEAD, or take what was opened ahead. Raises WrongInput, Refused."""
    found = _ahead.pop(directory, None)
    if isinstance(found, GitSilent):
        raise found
    return found or _opened(directory)


def open_ahead(directory: Path) -> Project:
    """The same for a flow that is not there yet: the next who opens it gets this one, or hears what this one had to wait so long for.

    Raises WrongInput, Refused.
    """
    try:
        project = _ahead[directory] = _opened(directory)
    except GitSilent as error:
        _ahead[directory] = error
        raise
    return project


def forget_ahead() -> None:
    """What nobody has taken is not kept: HEAD may be another by then."""
    _ahead.clear()


_ahead: dict[Path, Project | GitSilent] = {}


def _opened(directory: Path) -> Project:
    place = locate(directory)
    repository = Repository.open(place.repository)
    head = resolve_ref(repository, "HEAD", beside=place.file)
    return Project(place, repository, repository.read_file(head.commit, place.file), head)


def release_meant(project: Project, words: str) -> str:
    """What a person calls an earlier release, as hosts know it: a name that git knows here becomes its commit, all else stays."""
    if words.startswith("@") or words.isdigit():
        return words
    try:
        return resolve_ref(project.repository, words).commit
    except WrongInput:
        return words
