"""Real applications nobody here wrote, each as a git repository with four commits: v1, v2, v3 cannot start, v4 turns sick when live.

Their packages come from requirements/apps.txt; tests/apps/install.sh brings them.
"""

from tests.apps.applications import APPLICATIONS, Application, datasette, django, fastapi, installed, lacking, static
from tests.apps.repository import Repository

__all__ = ["APPLICATIONS", "Application", "Repository", "datasette", "django", "fastapi", "installed", "lacking", "static"]
