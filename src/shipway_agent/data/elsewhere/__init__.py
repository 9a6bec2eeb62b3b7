"""Restore points of this host in, copies of them in other places out: each sent as one file, read back there, and kept as long as that
place is to keep it. One file a kind of place.
"""
