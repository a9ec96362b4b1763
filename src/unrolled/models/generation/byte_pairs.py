"""Subwords of bytes as symbols: byte-pair encoding (Sennrich, Haddow, Birch 2016) over UTF-8 (Radford et al. 2019).

Every text can be said, white space and control characters as they are, and comes back as it was; nothing is unknown.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unrolled.data.documents import Documents

BYTES = 256
# Lines that are encoded at once.
LINES = 4096


class BytePairs:
    """Text to numbers and back, a number a subword.

    Args:
        tokenizer: of the library `tokenizers`, with the bytes among its tokens.
    """

    unknown = None

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        names = (tokenizer.id_to_token(number) for number in range(len(self)))
        letters = {letter: byte for byte, letter in enumerate(_letters())}
        self._bytes = [bytes(letters[letter] for letter in name) for name in names]

    @classmethod
    def learn(cls, documents: Documents, size: int) -> BytePairs:
        """Learns a vocabulary of at most so many subwords, at least 256.

        Raises:
            ValueError: there is no text.
        """
        from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=size, min_frequency=2, initial_alphabet=sorted(_letters()), show_progress=False
        )
        seen = [False]

        def noticed() -> Iterator[str]:
            for blocks in documents:
                for line in _lines(blocks):
                    seen[0] = True
                    yield line

        tokenizer.train_from_iterator(noticed(), trainer)
        if not seen[0]:
            raise ValueError("corpus: expected text, found none")
        return cls(tokenizer)

    @classmethod
    def read(cls, text: str) -> BytePairs:
        """What `text` wrote.

        Raises:
            ValueError: it is not a tokenizer's, or one of something else than bytes.
        """
        from tokenizers import Tokenizer

        try:
            return cls(Tokenizer.from_str(text))
        except Exception as error:  # the library raises nothing narrower
            raise ValueError(f"not a tokenizer of bytes: {error}") from error

    @property
    def text(self) -> str:
        """The tokenizer as JSON."""
        return self._tokenizer.to_str()  # type: ignore[no-any-return]

    def __len__(self) -> int:
        return int(self._tokenizer.get_vocab_size())

    def encode(self, blocks: Iterable[str]) -> Iterator[NDArray[np.int32]]:
        """The numbers of a text that comes in blocks; each line is cut on its own, wherever blocks begin."""
        lines: list[str] = []
        for line in _lines(blocks):
            lines.append(line)
            if len(lines) == LINES:
                yield self._numbers(lines)
                lines = []
        yield self._numbers(lines)

    def decoder(self) -> Callable[[int], str]:
        """A function that turns one number after the other into text, as soon as characters are whole."""
        decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        return lambda number: decode(self._bytes[number])

    def _numbers(self, lines: list[str]) -> NDArray[np.int32]:
        encoded = self._tokenizer.encode_batch_fast(lines, add_special_tokens=False)
        return np.array([number for line in encoded for number in line.ids], np.int32)


def _lines(blocks: Iterable[str]) -> Iterator[str]:
    """Lines with their line feeds."""
    rest: list[str] = []
    for block in blocks:
        whole, feed, after = block.rpartition("\n")
        if feed:
            first, *others = whole.split("\n")
            yield "".join([*rest, first, feed])
            yield from (other + feed for other in others)
            rest = []
        rest.append(after)
    if last := "".join(rest):
        yield last


def _letters() -> list[str]:
    """For every byte the letter that stands for it: itself if it can be seen, else one from U+0100 on."""
    seen = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    hidden = (chr(BYTES + number) for number in range(BYTES))
    return [chr(byte) if byte in seen else next(hidden) for byte in range(BYTES)]
