"""The text of a file with public keys of ssh in, its keys and a sentence for each line that is none out. Pure."""

from __future__ import annotations

import base64
import binascii
import re

KINDS = (
    *("ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"),
    *("sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"),
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def parse(text: str) -> tuple[list[str], list[tuple[int, str]]]:
    """Keys as "KIND BASE64 COMMENT", and (line, what is wrong with it). Empty lines and comments are neither."""
    if "PRIVATE KEY-----" in text:
        return [], [(1, "is a private key, which leaves no machine; name the file that ends with .pub")]
    keys, faults = [], []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.strip().split(None, 2)
        if not words or words[0].startswith("#"):
            continue
        fault = _fault(words)
        if fault:
            faults.append((number, fault))
        else:
            keys.append(" ".join(words))
    return keys, faults


def _fault(words: list[str]) -> str:
    if words[0] not in KINDS:
        return f"does not begin with a kind of key that sshd takes ({', '.join(KINDS[:3])} …)"
    if len(words) < 2:
        return "has no key behind its kind"
    try:
        blob = base64.b64decode(words[1], validate=True)
    except (binascii.Error, ValueError):
        return "has a key that is not base64: was it cut?"
    size = int.from_bytes(blob[:4], "big")
    if blob[4 : 4 + size] != words[0].encode() or len(blob) <= 4 + size:
        return f"has a key that is no {words[0]}: was it cut?"
    if len(words) > 2 and _CONTROL.search(words[2]):
        return "has control characters in its comment"
    return ""
