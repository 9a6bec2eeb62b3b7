"""How long a login may take, and how many are under way at once."""

from __future__ import annotations

LOGIN_SECONDS = 20.0
"""Bound of one login, agent delivered and started, where this machine keeps up with its work."""

LOGINS_AT_ONCE = 32
"""More only makes sshd's MaxStartups drop them."""
