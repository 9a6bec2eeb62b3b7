"""An address in, what became of every request out: clients that never retry, in a process of their own.

    load = Load("127.0.0.1:8081")
    load.start()
    ...                                 # deploy, switch, kill
    outcome = load.stop()
    assert outcome.failures == ()

From a shell: python -m load 127.0.0.1:8081 --seconds 10
"""

from load.load import Load
from load.outcome import Outcome, Sample, Span, Totals

__all__ = ["Load", "Outcome", "Sample", "Span", "Totals"]
