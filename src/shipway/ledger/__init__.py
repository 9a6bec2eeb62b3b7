"""Ledger: events in, History out. A cache that is rebuilt from the hosts and never asked for a decision."""
