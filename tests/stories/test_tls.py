"""Certificates from an authority of our own, over ACME: a Caddy on one host is it, the application is on another, as an ordinary user."""

from __future__ import annotations

import http.client
import json
import os
import shlex
import shutil
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from load import Load
from shipway.transports import caddy
from tests.docs.page import DOCS, commands
from tests.hosts import Hosts
from tests.stories.project import Project, eventually, sample

SHOP, NOBODY, CA = "shop.example.test", "nobody.example.test", "ca.example.test"
DIRECTORY = f"https://{CA}:8443/acme/local/directory"
ROOT = "/home/deploy/ca/pki/authorities/local/root.crt"

AUTHORITY = {
    "admin": {"disabled": True},
    "storage": {"module": "file_system", "root": "/home/deploy/ca"},
    "apps": {
        "http": {
            "servers": {
                "ca": {
                    "listen": [":8443"],
                    "tls_connection_policies": [{}],
                    "automatic_https": {"disable": True},
                    "routes": [{"handle": [{"handler": "acme_server"}]}],
                }
            }
        },
        "tls": {
            "certificates": {"automate": [CA]},
            "automation": {"policies": [{"subjects": [CA], "issuers": [{"module": "internal"}]}]},
        },
        "pki": {"certificate_authorities": {"local": {"install_trust": False}}},
    },
}


@contextmanager
def authority(hosts: Hosts, host: str) -> Iterator[str]:
    """An ACME server on the host, as long as the block lasts; the text of the certificate by which it is known."""
    home = hosts.path(host, "/home/deploy")
    shutil.copy(caddy.binary(), home / "caddy")
    (home / "ca.json").write_text(json.dumps(AUTHORITY))
    with subprocess.Popen(
        hosts.enter(host, ["./caddy", "run", "--config", "ca.json"]), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        try:
            root = hosts.path(host, ROOT)
            eventually(lambda: root.exists() and b"END CERTIFICATE" in root.read_bytes(), "the authority has a certificate of its own", 60)
            eventually(lambda: _accepts(hosts.address(host), 8443), "the authority answers", 60)
            yield root.read_text()
        finally:
            server.kill()


def _accepts(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), timeout=5).close()
    except OSError:
        return False
    return True


def know(hosts: Hosts, host: str, name: str, address: str) -> None:
    """What DNS would say to the host."""
    file = hosts.path(host, "/etc/hosts")
    file.write_text(file.read_text() + f"{address} {name}\n")


class Site:
    """The sample application on host a, whose certificates come from host b."""

    def __init__(self, place: Path, hosts: Hosts, root: str) -> None:
        self.address = hosts.address("a")
        self.authority = place / "root.pem"
        self.authority.write_text(root)
        text = (
            f'[environment.live]\nwatch_seconds = 0\ndomains = ["{SHOP}"]\n'
            f'tls = {{ acme = "{DIRECTORY}", ca = "deploy/ca.pem", email = "ops@example.test" }}\n'
            f'hosts = [{{ name = "a", address = "deploy@{self.address}" }}]\n'
        )
        self.repository = sample(place / "shop", text, versions={"v1": {}, "v2": {}})
        self.repository.write("deploy/ca.pem", root)
        self.repository.commit("The authority", "authority")
        self.project = Project(self.repository, "live", hosts.env)

    def certificate(self, name: str = SHOP) -> bytes | None:
        """What a visitor who trusts the authority is shown; None where no connection comes about."""
        context = ssl.create_default_context(cafile=str(self.authority))
        try:
            plain = socket.create_connection((self.address, 443), timeout=10)
            with context.wrap_socket(plain, server_hostname=name) as secure:
                return secure.getpeercert(binary_form=True)
        except OSError:
            return None

    def plain(self, path: str) -> tuple[int, str]:
        """Status of the answer at port 80, and where it sends the visitor."""
        connection = http.client.HTTPConnection(self.address, 80, timeout=10)
        try:
            connection.request("GET", path, headers={"Host": SHOP})
            answer = connection.getresponse()
            return answer.status, answer.headers["Location"] or ""
        finally:
            connection.close()


@pytest.mark.hosts
@pytest.mark.alone
@pytest.mark.timeout(300)
def test_a_domain_gets_its_certificate_keeps_it_and_loses_no_request(place: Path) -> None:
    with Hosts(2) as hosts, authority(hosts, "b") as root:
        know(hosts, "a", CA, hosts.address("b"))
        know(hosts, "b", SHOP, hosts.address("a"))
        site = Site(place, hosts, root)

        refused = site.project.deploy("v1", code=1)
        assert "ports below 1024 are reserved" in refused.text and "shipway setup" in refused.text
        hosts.run("a", ["sh", "-c", "echo 80 > /proc/sys/net/ipv4/ip_unprivileged_port_start"], user="root")

        site.project.deploy("v1")
        eventually(lambda: site.certificate() is not None, "a visitor sees a certificate to trust", 60)  # on a busy machine, behind the end
        first = site.certificate()
        assert site.plain("/a?b=c") == (308, f"https://{SHOP}/a?b=c")

        with Load(
            f"{site.address}:443", host=SHOP, authority=str(site.authority), kinds=("keep-alive", "fresh", "websocket"), scale=0.2
        ) as load:
            site.project.deploy("v2")
            assert site.project.report()["downtime_seconds"] == 0.0
            site.project.rollback()
            outcome = load.stop()
        assert outcome.failures == (), str(outcome)
        assert set(outcome.versions) == {"1", "2"}

        killed = [pid for pid, line in hosts.pids("a").items() if "caddy run" in line]
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: site.certificate() is not None, "the proxy is back, with a certificate", 60)
        assert site.certificate() == first, "it is the one that it had"

        doctor, setup = sorted(set(commands((DOCS / "howto/domains.md").read_text(encoding="utf-8"))))
        assert setup == "shipway setup production", "test_first_deployment.py types it, for it needs a machine of its own"
        said = site.project.run(*shlex.split(doctor.replace("production", "live"))[1:], code=1)
        assert f"{SHOP} has no address" in said.text, "no name server knows it: it says where a name leads before anything else"

        settings = (site.repository.directory / "shipway.toml").read_text()
        site.repository.write("shipway.toml", settings.replace(f'"{SHOP}"', f'"{SHOP}", "{NOBODY}"'))
        site.repository.commit("A name that leads nowhere", "nowhere")
        said = site.project.deploy("nowhere")
        assert f"{NOBODY} has no certificate yet" in said.text, said.text
        assert site.certificate() == first
        assert site.project.status()["agrees"]
