"""Texts of a commit's migrations in; out, what each of them does, in the order in which they run. Nothing of the commit is run for it."""
