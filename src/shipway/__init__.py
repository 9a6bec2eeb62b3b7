"""Shipway, the operator's side: takes a commit live on a fleet as one transaction."""

__version__ = "0.1.0"
