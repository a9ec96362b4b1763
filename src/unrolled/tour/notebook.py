"""Chapters as Jupyter notebooks (nbformat 4.5), with what they showed."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

from unrolled.tour.recording import Output
from unrolled.tour.run import Run


def notebook(run: Run) -> str:
    """The notebook of a chapter that ran, as JSON.

    It needs nothing but the package, and runs from the first cell to the last.
    """
    chapter = run.chapter
    heading = f"# {chapter.number}. {chapter.title}\n\n{chapter.introduction}"
    cells: list[dict[str, Any]] = [_cell("markdown", heading, 0)]
    for number, (cell, outputs) in enumerate(run.cells, start=1):
        made = _cell(cell.kind, cell.source, number)
        if cell.kind == "code":
            made |= {"execution_count": None, "outputs": [_output(output) for output in outputs]}
        cells.append(made)
    content = {
        "cells": cells,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _cell(kind: str, source: str, number: int) -> dict[str, Any]:
    return {"cell_type": kind, "id": f"cell-{number}", "metadata": {}, "source": source.splitlines(keepends=True)}


def _output(output: Output) -> dict[str, Any]:
    if output.kind == "picture":
        data = {"image/png": b64encode(output.data).decode(), "text/plain": output.caption}
        return {"output_type": "display_data", "data": data, "metadata": {}}
    text = output.data
    if output.kind == "figure":
        what, ours, guide = output.data
        text = f"{what}: {ours}" + (f" (the guide: {guide})" if guide else "") + "\n"
    name = "stderr" if output.kind == "error" else "stdout"
    return {"output_type": "stream", "name": name, "text": text.splitlines(keepends=True)}
