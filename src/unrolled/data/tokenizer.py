"""Text to words."""

from __future__ import annotations

import re
from dataclasses import dataclass

NUMBER, URL = "<number>", "<url>"

_url = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_number = re.compile(r"(?<!\w)[+-]?\d+(?:[.,:]\d+)*(?!\w)")
# Runs of letters and digits, held together by apostrophes and hyphens inside; the tokens above stay whole.
_word = re.compile(rf"{NUMBER}|{URL}|\w+(?:['\u2019-]\w+)*")
_unclean = re.compile(r"[^a-z ]")


@dataclass(frozen=True)
class Tokenizer:
    """Cuts text into words: runs of letters and digits, with the apostrophes and hyphens inside them.

    Args:
        lower: whether words are brought to lower case.
        numbers: whether every number becomes the one token `<number>`.
        urls: whether every web address becomes the one token `<url>`.
    """

    lower: bool = True
    numbers: bool = False
    urls: bool = False

    def __call__(self, text: str) -> list[str]:
        """The words of a text."""
        if self.lower:
            text = text.lower()
        # Text that is clean already needs no more than to be cut at its spaces.
        if not _unclean.search(text):
            return text.split()
        if self.urls:
            text = _url.sub(f" {URL} ", text)
        if self.numbers:
            text = _number.sub(f" {NUMBER} ", text)
        return _word.findall(text)
