"""`segments`: how many parts a text takes, before it is sent."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

import click

from streams.segments import GSM7, UCS2, Segments, count_segments, plainer

_NAMES = {GSM7: ("GSM 03.38", "septets"), UCS2: ("UCS-2", "16-bit units")}


@click.command()
@click.argument("text")
@click.option("--encoding", type=click.Choice([GSM7, UCS2]), help="Instead of the smaller one that can write the text.")
@click.option(
    "--reference",
    type=click.Choice(["8", "16"]),
    default="8",
    show_default=True,
    help="Bits of the number that joins parts.",
)
@click.option("--format", "fmt", type=click.Choice(["text", "json"]), default="text", show_default=True)
def segments(text: str, encoding: str | None, reference: str, fmt: str) -> None:
    """Tell how many parts TEXT takes: 160 or 153 characters of the GSM alphabet each, or 70 or 67 of others.

    `-` reads texts from standard input, a line each, and prints a line of JSON for each. Where a character makes the
    message longer it is named, with a plainer text that says the same.
    """
    try:
        if text == "-":
            for line in _lines():
                click.echo(json.dumps(_told(count_segments(line, encoding or "", int(reference)))))
            return
        counted = count_segments(text, encoding or "", int(reference))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--encoding") from error
    click.echo(json.dumps(_told(counted)) if fmt == "json" else _explained(text, counted, int(reference)))


def _lines() -> Iterator[str]:
    for raw in sys.stdin.buffer:
        yield raw.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", "replace")


def _told(counted: Segments) -> dict[str, Any]:
    return counted._asdict()


def _explained(text: str, counted: Segments, reference: int) -> str:
    name, units = _NAMES[counted.encoding]
    lines = [
        f"{_parts(counted.parts)} of {counted.capacity} {units} ({name})",
        f"{counted.characters} characters, {counted.units} {units}, {counted.left} left in the last part",
    ]
    if counted.forcing:
        lines.append(f"not in the GSM alphabet: {' '.join(counted.forcing)}")
        plain = plainer(text)
        other = count_segments(plain, reference_bits=reference)
        if other.parts < counted.parts:
            lines.append(f"plainer, {_parts(other.parts)}: {plain}")
    return "\n".join(lines)


def _parts(number: int) -> str:
    return "1 part" if number == 1 else f"{number} parts"


COMMANDS = (segments,)
