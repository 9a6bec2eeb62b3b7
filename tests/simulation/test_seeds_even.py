"""Five thousand stories of drivers, hosts, clocks and networks that fail, each from its seed: no promise is broken in any.

The other five thousand are in a file of their own, so that two workers share them.
"""

from __future__ import annotations

import pytest

from tests.simulation.seeds import keep_every_promise

CHUNK = 500


@pytest.mark.slow
@pytest.mark.parametrize("begin", range(0, 10_000, 2 * CHUNK))
def test_no_promise_is_broken(begin: int) -> None:
    keep_every_promise(range(begin + 0, begin + 2 * CHUNK, 2))
