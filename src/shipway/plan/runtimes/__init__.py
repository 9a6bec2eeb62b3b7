"""How a process table is made, one file a runtime."""
