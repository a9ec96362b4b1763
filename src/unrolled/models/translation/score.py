"""How good translations are: BLEU and chrF as everybody computes them, and how to say which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class TranslationScore:
    """What translations reached, on plain text with its case.

    Attributes:
        bleu: Papineni et al. 2002, 0 to 100.
        chrf: Popović 2015, 0 to 100.
        sentences: how many.
        bleu_signature, chrf_signature: how they were computed (Post 2018), for whoever compares.
    """

    bleu: float
    chrf: float
    sentences: int
    bleu_signature: str
    chrf_signature: str

    def record(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def scored(translations: Sequence[str], references: Sequence[str]) -> TranslationScore:
    """Compares translations with references, one each.

    Raises:
        ValueError: they differ in number, or there are none.
    """
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

    if len(translations) != len(references) or not references:
        raise ValueError(f"references: expected one for each of {len(translations)} sentences, found {len(references)}")
    bleu, chrf = BLEU(), CHRF()
    reached = [metric.corpus_score(list(translations), [list(references)]).score for metric in (bleu, chrf)]
    signatures = [str(metric.get_signature()) for metric in (bleu, chrf)]
    return TranslationScore(reached[0], reached[1], len(references), signatures[0], signatures[1])
