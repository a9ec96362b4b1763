"""Text generation: recurrent language models of characters or subwords."""

from __future__ import annotations

from unrolled.models.generation.score import TextScore as TextScore
from unrolled.models.generation.text_generator import TextGenerator as TextGenerator
