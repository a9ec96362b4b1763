"""The help of every command ends in an example of it."""

from __future__ import annotations

from typing import Any

import typer

from unrolled.cli import app


def without_example(command: Any, words: tuple[str, ...]) -> list[str]:
    members = getattr(command, "commands", None)
    if members is not None:
        return [name for word, each in members.items() for name in without_example(each, (*words, word))]
    return [] if f"unrolled {' '.join(words)}" in (command.epilog or "") else [" ".join(words)]


def test_every_command_has_an_example() -> None:
    command = typer.main.get_command(app)
    assert {"tour", "doctor", "classify", "write"} <= set(command.commands)
    assert without_example(command, ()) == []
