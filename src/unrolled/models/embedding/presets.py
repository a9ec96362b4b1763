"""Settings that others have published, for `WordVectors(**...)`."""

from __future__ import annotations

from typing import Any

# The TensorFlow tutorials' and A. Géron's recipe (2017): 2 labels a word are both neighbours in a window of 1, and 64
# noise words serve a batch of 128 pairs, which are 64 words. Beyond 50,000 words everything is <unk>.
NCE: dict[str, Any] = {
    "dim": 128,
    "window": 1,
    "negative": 64,
    "loss": "nce",
    "shared_by": 64,
    "min_count": 1,
    "max_vocab": 50_000,
    "unknown": True,
    "subsample": 0.0,
    "epochs": 1,
}
