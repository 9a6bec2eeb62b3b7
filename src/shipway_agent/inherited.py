"""The environment of whoever builds in, what of it a build finds out: the same on the operator's machine and on a build host."""

from __future__ import annotations

from typing import Dict, Mapping, Sequence

FIXED_TIME = 315532800
"""1980-01-01, the earliest that every archive format knows: times must not make two builds of one commit differ."""

PASSED_ON = (
    *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TERM", "SSH_AUTH_SOCK"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"),
    *(
        "JAVA_HOME",
        "GOPATH",
        "GOROOT",
        "GOPROXY",
        "CARGO_HOME",
        "RUSTUP_HOME",
        "NVM_DIR",
        "PNPM_HOME",
        "VOLTA_HOME",
        "PYENV_ROOT",
        "RBENV_ROOT",
    ),
)
PASSED_ON_PREFIXES = ("LC_", "XDG_", "PIP_", "UV_", "npm_config_", "NPM_CONFIG_", "BUNDLE_")


def build_environment(own: Mapping[str, str], declared: Mapping[str, str], above: str, tools: Sequence[str]) -> Dict[str, str]:
    """The whole environment of a build command. `above` is the directory above its tree: git looks for no repository there or higher.

    `tools` are directories that come first in PATH. What is `declared` wins over what is passed on.
    """
    found = {name: value for name, value in own.items() if name in PASSED_ON or name.startswith(PASSED_ON_PREFIXES)}
    found.update({"SOURCE_DATE_EPOCH": str(FIXED_TIME), "GIT_CEILING_DIRECTORIES": above, **declared})
    found["PATH"] = ":".join([*tools, *([found["PATH"]] if found.get("PATH") else [])])
    return found
