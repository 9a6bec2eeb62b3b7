"""The talk that this project began with (its table of steps and seconds), as runs: by scripts as it had them, and by Shipway."""

from tests.stories.talk.deployment import Talk
from tests.stories.talk.scripts import in_parallel, in_series, in_two_halves
from tests.stories.talk.table import Run, table

__all__ = ["Run", "Talk", "in_parallel", "in_series", "in_two_halves", "table"]
