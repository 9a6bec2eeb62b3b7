"""Where the time went, from the lines of a sampler."""

from __future__ import annotations

from bench.side.samples import samples, top

LINES = [
    "main (cli.py:3);read (git.py:10);parse (git.py:40) 6",
    "main (cli.py:3);read (git.py:12);read (git.py:12) 3",
    "main (cli.py:3);_load (<frozen importlib._bootstrap>:690);exec_module (<frozen importlib._bootstrap_external>:940) 1",
    "main (cli.py:3);select (selectors.py:468);EpollSelector.select (selectors.py:468) 90",
    "py-spy> some other line",
]


def test_a_function_counts_by_itself_and_with_all_that_it_calls() -> None:
    found = samples(LINES)
    assert found.total == 10
    assert found.alone == {"parse (git.py)": 6, "read (git.py)": 3, "import": 1}
    assert found.beneath == {"main (cli.py)": 10, "read (git.py)": 9, "parse (git.py)": 6, "import": 1}


def test_the_table_begins_with_the_most_and_leaves_out_the_way_there() -> None:
    assert list(top(samples(LINES), rows=2))[2:] == [
        "| `parse (git.py)` | 60% | `parse (git.py)` | 60% |",
        "| `import` | 10% | `read (git.py)` | 30% |",
    ]
