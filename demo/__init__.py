"""bin/demo: the main job on this machine, under load, in under a minute."""
