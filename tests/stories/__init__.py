"""Stories: what a person does with the real command line, on real hosts, under real load, and what must be true afterwards."""
