"""A program as text and back: how a graph of torch.compile or torch.export names the step that an operator runs."""

from __future__ import annotations

import json
from dataclasses import astuple
from typing import Any

from unrolled.compiler.graph import Graph, Matrix, Op, Program


def to_text(program: Program) -> str:
    """The program in JSON."""
    ops = [[op.kind, op.args, op.width, [_plain(part) for part in op.detail]] for op in program.graph.ops]
    places = [[[*place, number] for place, number in table.items()] for table in (program.stores, program.totals)]
    return json.dumps([ops, program.states, *places, program.pitches], separators=(",", ":"))


def from_text(text: str) -> Program:
    """The program that `to_text` wrote."""
    ops, states, stores, totals, pitches = json.loads(text)
    graph = Graph()
    for kind, args, width, detail in ops:
        graph.ops.append(Op(kind, tuple(args), width, tuple(_part(part) for part in detail)))

    def places(table: list[Any]) -> dict[tuple[str, int], int]:
        return {(name, offset): number for name, offset, number in table}

    return Program(graph, states, places(stores), places(totals), pitches)


def _plain(part: Any) -> Any:
    return astuple(part) if isinstance(part, Matrix) else part


def _part(part: Any) -> Any:
    return Matrix(*part) if isinstance(part, list) else part
