"""A project in, what its HEAD wants of one environment out: for commands that ship nothing."""

from __future__ import annotations

from shipway.flows.authority import with_authority
from shipway.flows.project import Project
from shipway.flows.remembered import resolved
from shipway.model.intent import Intent


def intent_of_head(project: Project, environment: str | None) -> Intent:
    """What HEAD wants, for commands that ship nothing."""
    name = project.environment(environment)
    intent = resolved(project.head, project.head, name, directory=project.place.directory, name=project.place.file)
    return with_authority(project, intent)
