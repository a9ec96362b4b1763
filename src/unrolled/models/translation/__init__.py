"""Translation: an encoder-decoder with attention, from subwords to text."""

from __future__ import annotations
