"""The agent's points of real databases and files."""
