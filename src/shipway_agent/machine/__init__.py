"""What `setup` has on a machine: each file looks at one thing, and makes it where it is told to. Needs root, and nothing else here does."""
