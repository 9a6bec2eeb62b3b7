"""Domains in, the certificate that each shows to a visitor of this machine out."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Iterable, Mapping

from shipway.model.finding import Certificate

HTTPS = 443
ASK_SECONDS = 10.0
DAY_SECONDS = 86_400.0


async def certificates(domains: Iterable[str], trust: ssl.SSLContext | None = None, port: int = HTTPS) -> Mapping[str, Certificate]:
    """Ask all domains at once, each for ASK_SECONDS at most. `trust` says who is believed; by default whom this machine believes."""
    context = trust or ssl.create_default_context()

    async def one(domain: str) -> tuple[str, Certificate]:
        return domain, await _shown(domain, context, port)

    return dict(await asyncio.gather(*map(one, dict.fromkeys(domains))))


async def _shown(domain: str, context: ssl.SSLContext, port: int) -> Certificate:
    try:
        async with asyncio.timeout(ASK_SECONDS):
            _, writer = await asyncio.open_connection(domain, port, ssl=context, server_hostname=domain)
    except ssl.SSLCertVerificationError as error:
        return Certificate(fault=error.verify_message)
    except TimeoutError:
        return Certificate(fault=f"nothing answered within {ASK_SECONDS:g} s")
    except (OSError, UnicodeError) as error:
        return Certificate(fault=str(error))
    try:
        ends = ssl.cert_time_to_seconds(str(writer.get_extra_info("peercert")["notAfter"]))
    finally:
        writer.close()
    return Certificate((ends - time.time()) / DAY_SECONDS)
