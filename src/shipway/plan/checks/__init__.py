"""Intent, facts and what this machine has in, Findings out: everything that a deployment needs. Pure, as all of the plan."""
