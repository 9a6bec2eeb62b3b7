"""What firewalls say, read: which ports of the web they seem to close."""

from __future__ import annotations

import pytest

from shipway_agent.machine.firewall import closed_by_nft, closed_by_ufw

UFW = """Status: active
Logging: on (low)
Default: deny (incoming), allow (outgoing), disabled (routed)

To                         Action      From
--                         ------      ----
22/tcp                     ALLOW IN    Anywhere
{rule}
"""


@pytest.mark.parametrize(
    ("rule", "closed"),
    [
        ("", [80, 443]),
        ("80/tcp                     ALLOW IN    Anywhere", [443]),
        ("80,443/tcp                 ALLOW IN    Anywhere", []),
        ("443                        DENY IN     Anywhere", [80, 443]),
        ("8080/tcp                   ALLOW IN    Anywhere", [80, 443]),
        ("Nginx Full                 ALLOW IN    Anywhere", []),
        ("WWW Secure                 ALLOW IN    Anywhere (v6)", [80]),
    ],
)
def test_ufw(rule: str, closed: list[int]) -> None:
    assert closed_by_ufw(UFW.format(rule=rule)) == closed
    assert closed_by_ufw(UFW.format(rule=rule).replace("deny (incoming)", "allow (incoming)")) == []


NFT = """table inet filter {{
	chain input {{
		type filter hook input priority filter; policy {policy};
		ct state established,related accept
		tcp dport 22 accept
		{rule}
	}}
	chain forward {{
		type filter hook forward priority filter; policy drop;
	}}
}}
"""


@pytest.mark.parametrize(
    ("policy", "rule", "closed"),
    [
        ("accept", "", []),
        ("drop", "", [80, 443]),
        ("drop", "tcp dport { 80, 443 } accept", []),
        ("drop", "tcp dport { http, https } ct state new accept", []),
        ("drop", "tcp dport 443 accept", [80]),
        ("drop", "tcp dport 80 drop", [80, 443]),
    ],
)
def test_nftables(policy: str, rule: str, closed: list[int]) -> None:
    assert closed_by_nft(NFT.format(policy=policy, rule=rule)) == closed
