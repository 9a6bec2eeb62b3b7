"""`shipway completion bash|zsh|fish`: the script that makes a shell complete what is typed behind `shipway`."""

from __future__ import annotations

from pathlib import Path

import click

from shipway.cli.completing import SHELLS, VARIABLE
from shipway.cli.options import everywhere
from shipway.cli.screen import Screen
from shipway.model.verdict import Verdict


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
@everywhere
def command(shell: str, project: Path, json: bool, debug: bool) -> int:
    """Print the script for SHELL. It completes commands, options, environments, hosts, deployments and releases, and asks no host.

    \b
    bash: add to ~/.bashrc:      eval "$(shipway completion bash)"
    zsh:  add to ~/.zshrc:       eval "$(shipway completion zsh)"
    fish: shipway completion fish > ~/.config/fish/completions/shipway.fish
    """
    with Screen(json=json) as screen:
        script = _script(shell)
        if json:
            screen.verdict(Verdict("answer", 0, f"the script for {shell}", data={"script": script}))
        else:
            screen.lines(script.rstrip("\n").split("\n"))
    return 0


def _script(shell: str) -> str:
    """What click's own scripts are, without asking which version of a shell is installed here: it may be for another machine."""
    from click.shell_completion import ShellComplete, get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None, f"click completes in {shell}"
    return ShellComplete.source(kind(click.Command("shipway"), {}, "shipway", VARIABLE))
