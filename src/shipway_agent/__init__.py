"""The agent: what travels to a host. Standard library only, Python 3.9; it has primitives and never an opinion."""
