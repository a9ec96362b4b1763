"""Words on a plane as one page of HTML: hover, search and zoom, with nothing to fetch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray


def word_map_page(
    words: Sequence[str],
    points: NDArray[np.floating],
    groups: Sequence[int] | NDArray[np.int64],
    neighbours: Sequence[Sequence[tuple[str, float]]],
) -> str:
    """A page that shows a map.

    Args:
        words: the most important first.
        points: (words, 2).
        groups: (words,), which colour each has, 0 to 9.
        neighbours: for each word, those to name when the pointer is on it, with their cosines.

    Raises:
        ValueError: there are no words, or not as many points.
    """
    points = np.asarray(points, float)
    if len(words) == 0 or points.shape != (len(words), 2):
        raise ValueError(f"points: expected ({len(words)}, 2) for as many words, found {points.shape}")
    low, high = points.min(0), points.max(0)
    placed = (points - low) / max(float((high - low).max()), 1e-12)
    data = [
        [word, round(float(x), 4), round(float(y), 4), int(group), [[other, value] for other, value in near]]
        for word, (x, y), group, near in zip(words, placed, groups, neighbours, strict=True)
    ]
    # Words come from any corpus: none of them may end the script.
    written = json.dumps(data, ensure_ascii=True).replace("<", "\\u003c").replace(">", "\\u003e")
    page = (files("unrolled.plots") / "word_map.html").read_text(encoding="utf-8")
    return page.replace("/*DATA*/[]", written)
