"""A generation's migrations: what of them is pending, each applied once under a lock in the database, or taken back (decision 0040)."""
