"""The constant that a host is asked to run out: a Python that reads a program of ours from its stdin, and runs it."""

from __future__ import annotations

STAGE = (
    'import os,zlib;n=int(b"".join(iter(lambda:os.read(0,1).strip(),b""))or 0);d=b"";'
    'exec("while len(d)<n:d+=os.read(0,n-len(d))or os._exit(0)");n and exec(zlib.decompress(d))'
)
"""Reads the length of a program, a newline, and the program, deflated; runs it."""

ISOLATED = ("-I", "-S", "-X", "utf8")
"""Python's own words in front of it: nothing of the login's environment counts, and text is UTF-8 whatever its locale is."""

REMOTE_COMMAND = f"python3 {' '.join(ISOLATED)} -c '{STAGE}'"
"""What crosses ssh, the same for every host and user: no quote, backslash or exclamation mark that any login shell could take apart."""
