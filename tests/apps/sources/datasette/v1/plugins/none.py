"""Plugins of the museum go here."""
