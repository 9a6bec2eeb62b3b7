"""Changes of topology under load in, what an application that is not concerned loses by each out.

A neighbour on the same Caddy appears and goes again, `--changes` times. Type: python -m bench.reload --changes 20
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from load import Load
from shipway_agent.primitives import Context, proxy
from tests.agent.lodge import lodge
from tests.agent.shop import binary_digest, shop

KINDS = ("keep-alive", "fresh", "websocket", "slow", "stream")


def main() -> None:
    parser = argparse.ArgumentParser(description="What a change of topology costs an application that it does not concern.")
    parser.add_argument("--changes", type=int, default=20)
    parser.add_argument("--scale", type=float, default=1.0)
    wanted = parser.parse_args()
    with TemporaryDirectory(prefix="reload-") as folder, shop(Path(folder) / "shop") as one:
        one.open_door("shop.example")
        one.deploy(1)
        with (
            lodge(Path(folder) / "blog", proxy=one.root.full("proxy")) as blog,
            Load(one.listen, host="shop.example", kinds=KINDS, scale=wanted.scale) as load,
        ):
            time.sleep(2.0)  # every kind is under way
            for number in range(wanted.changes):
                _change(blog.context(1), one.listen, present=number % 2 == 0)
                time.sleep(1.0)
            outcome = load.stop()
    print(f"{wanted.changes} changes: {outcome}")


def _change(context: Context, listen: str, *, present: bool) -> None:
    if present:
        routes = [{"match": [{"host": ["blog.example"]}], "handle": [{"handler": "static_response", "body": "blog"}]}]
        proxy.ensure(context, {"binary": binary_digest(), "listen": listen, "site": {"id": "blog", "routes": routes}})
    else:
        proxy.remove_site(context.proxy, "blog")


if __name__ == "__main__":
    main()
