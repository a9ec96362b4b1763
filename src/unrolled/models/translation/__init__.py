"""Translation: an encoder-decoder with attention, from subwords to text."""

from __future__ import annotations

from unrolled.models.translation.alignment import Alignment as Alignment
from unrolled.models.translation.decoding import Translation as Translation
from unrolled.models.translation.score import TranslationScore as TranslationScore
from unrolled.models.translation.translator import Translator as Translator
