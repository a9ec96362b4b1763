"""Word vectors: a corpus as a stream, a compiled loop over it, and what can be asked of the result."""

from __future__ import annotations

from unrolled.models.embedding import presets as presets
from unrolled.models.embedding.approximate import ApproximateIndex as ApproximateIndex
from unrolled.models.embedding.score import Score as Score
from unrolled.models.embedding.vectors import Vectors as Vectors
from unrolled.models.embedding.word_vectors import WordVectors as WordVectors
