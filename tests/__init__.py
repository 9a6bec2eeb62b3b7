"""The tests: they mirror the source, and read as its manual. `hosts/`, `apps/`, `stories/` and `faults/` use real parts."""
