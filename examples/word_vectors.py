"""Vectors of words from sentences made up of four kinds of words: neighbours, an analogy, and a map."""

from __future__ import annotations

import random
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from unrolled import WordVectors

KINDS = {
    "animals": ["cat", "dog", "cow", "horse", "sheep", "goat"],
    "tools": ["saw", "axe", "drill", "hammer", "plane", "file"],
    "fruit": ["apple", "pear", "plum", "cherry", "grape", "lemon"],
    "towns": ["paris", "rome", "oslo", "cairo", "lima", "delhi"],
}


def sentences(count: int) -> list[list[str]]:
    """Each is about one kind of thing."""
    dice = random.Random(0)
    return [dice.choices(KINDS[dice.choice(list(KINDS))], k=8) for _ in range(count)]


def main() -> dict[str, Any]:
    """Gives the neighbours of a word, whether all words have neighbours of their kind, and the map's size in bytes."""
    model = WordVectors(dim=16, window=3, subsample=0, epochs=10, lr=0.05, workers=1, random_state=0)
    model.fit(sentences(4000))
    alike = all(
        {other for other, _ in model.most_similar(word, 5)} == set(kind) - {word}
        for kind in KINDS.values()
        for word in kind
    )
    with TemporaryDirectory() as folder:
        page = Path(folder) / "map.html"
        model.map(24).save(page)
        size = page.stat().st_size
    return {"like cat": [word for word, _ in model.most_similar("cat", 5)], "each finds its kind": alike, "map": size}


if __name__ == "__main__":
    for what, value in main().items():
        print(f"{what}: {value}")
