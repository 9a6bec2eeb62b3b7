"""Names in, a key and a certificate for each out, all signed by one authority that is forgotten at once: the credentials of one deployment.

Whoever has such a key may feed and be fed by the listeners of this one deployment, for the minutes in which they listen, and nothing else.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from datetime import datetime

from shipway_agent.feed.names import NAME

BEGINS, ENDS = datetime(2000, 1, 1), datetime(9999, 12, 31)  # noqa: DTZ001  # UTC by definition
"""A host whose clock is wrong is fed like any other: what ends a key is that nobody listens any more."""


def credentials(numbers: Iterable[str]) -> dict[str, dict[str, str]]:
    """For each host's number: `key`, `certificate` and `authority`, base64 of DER."""
    from cryptography import x509  # takes a while to load, and most commands need none of it
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])

    def unsigned(text: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        made = x509.CertificateBuilder(serial_number=x509.random_serial_number(), not_valid_before=BEGINS, not_valid_after=ENDS)
        return made.issuer_name(name(AUTHORITY)).subject_name(name(text)).public_key(key.public_key())

    def usage(*, signs: bool) -> x509.KeyUsage:
        nothing = dict.fromkeys(
            ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "crl_sign", "encipher_only", "decipher_only"),
            False,
        )
        return x509.KeyUsage(digital_signature=not signs, key_cert_sign=signs, **nothing)

    def text(data: bytes) -> str:
        return base64.b64encode(data).decode()

    signing = ec.generate_private_key(ec.SECP256R1())
    known = x509.SubjectKeyIdentifier.from_public_key(signing.public_key())
    made = unsigned(AUTHORITY, signing).add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    authority = made.add_extension(usage(signs=True), critical=True).add_extension(known, critical=False).sign(signing, hashes.SHA256())
    pinned = text(authority.public_bytes(Encoding.DER))
    found = {}
    for number in numbers:
        key = ec.generate_private_key(ec.SECP256R1())
        made = unsigned(number, key)
        for extension, critical in (
            (x509.BasicConstraints(ca=False, path_length=None), True),
            (usage(signs=False), True),
            (x509.SubjectAlternativeName([x509.DNSName(NAME.format(number))]), False),
            (x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(known), False),
        ):
            made = made.add_extension(extension, critical=critical)
        certificate = made.sign(signing, hashes.SHA256())
        secret = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        found[number] = {"key": text(secret), "certificate": text(certificate.public_bytes(Encoding.DER)), "authority": pinned}
    return found


AUTHORITY = "shipway"
