"""What a task writes in; lines to show while there are not too many, and its last lines at the end, out. Bounded whatever it writes."""

from __future__ import annotations

from shipway_agent.text import last_lines, line_of
from shipway_agent.typed import Callable, List

SHOWN_BYTES = 1 << 20
"""Of each task this much is streamed and logged line by line; of the rest only the end is kept."""

SHOWN_LINES = 10_000
"""And no more lines than these: each is a frame on the wire and an event of the driver, however short it is."""

TAIL_BYTES = 64 * 1024
LONGEST_LINE = 64 * 1024


class Output:
    """A task's stdout and stderr as it comes. `show` gets each line, clean, until SHOWN_BYTES or SHOWN_LINES have passed."""

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show
        self._tail = b""
        self._line = b""
        self._skipping = False
        self._shown = 0
        self._lines = 0
        self.unseen_bytes = 0

    def feed(self, data: bytes) -> None:
        """More output."""
        self._tail = (self._tail + data)[-TAIL_BYTES:]
        if self._is_full():
            self.unseen_bytes += len(data)
            return
        self._shown += len(data)
        *whole, self._line = (self._line + data).split(b"\n")
        for told, line in enumerate(whole):
            if self._lines >= SHOWN_LINES:
                self.unseen_bytes += sum(map(len, whole[told:])) + len(whole) - told + len(self._line)
                self._line = b""
                return
            self._tell(line)
            self._skipping = False
        if len(self._line) > LONGEST_LINE:
            self._tell(self._line)
            self._skipping = True
            self._line = b""

    def end(self, count: int) -> List[str]:
        """The last `count` lines that say something, once no more comes."""
        if not self._is_full():
            self._tell(self._line)
        self._line = b""
        return last_lines(self._tail, count)

    def _tell(self, raw: bytes) -> None:
        """A line too long to keep is shown by its beginning, and the rest of it skipped."""
        line = "" if self._skipping else line_of(raw)
        if line:
            self._lines += 1
            self._show(line)

    def _is_full(self) -> bool:
        return self._shown >= SHOWN_BYTES or self._lines >= SHOWN_LINES
