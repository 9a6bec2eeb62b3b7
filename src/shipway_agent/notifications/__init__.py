"""A host's record and its targets in, messages to people out: put in the journal with the decision, sent by a process beside the daemon."""
