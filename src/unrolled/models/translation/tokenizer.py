"""Subword tokens of one language: trained with the model, saved in it, and turned back into plain text.

BPE: Sennrich, Haddow, Birch 2016. Unigram: Kudo 2018. Spaces are kept in the tokens (Kudo, Richardson 2018), so that
text comes back as it was, but for runs of white space and control characters, which become one space.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

PAD, UNKNOWN, START, END = range(4)
SPECIAL = ("<pad>", "<unk>", "<s>", "</s>")
KINDS = ("bpe", "unigram")
SPACE = "\u2581"
# Characters that a vocabulary has room for; a part of it at most.
ALPHABET, ALPHABET_PART = 2000, 0.25


class Subwords:
    """Text to token numbers and back.

    Args:
        tokenizer: of the library `tokenizers`.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer

    @classmethod
    def train(cls, lines: Iterable[str], size: int, kind: str = "bpe") -> Subwords:
        """Learns a vocabulary.

        Args:
            lines: the text.
            size: most tokens, the special ones among them.
            kind: "bpe" or "unigram".
        """
        from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

        # What a vocabulary of this size has no room for is unknown, in training already: so the model knows it.
        alphabet = min(ALPHABET, int(ALPHABET_PART * size))
        if kind == "bpe":
            tokenizer = Tokenizer(models.BPE(unk_token=SPECIAL[UNKNOWN], fuse_unk=True))
            trainer: Any = trainers.BpeTrainer(
                vocab_size=size,
                min_frequency=2,
                limit_alphabet=alphabet,
                special_tokens=list(SPECIAL),
                show_progress=False,
            )
        else:
            tokenizer = Tokenizer(models.Unigram())
            trainer = trainers.UnigramTrainer(
                vocab_size=size, unk_token=SPECIAL[UNKNOWN], special_tokens=list(SPECIAL), show_progress=False
            )
        tokenizer.normalizer = normalizers.Sequence(
            [normalizers.NFC(), normalizers.Replace(Regex(r"[\s\p{C}]+"), " "), normalizers.Strip()]
        )
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Metaspace(SPACE, prepend_scheme="always"), pre_tokenizers.Punctuation("isolated")]
        )
        tokenizer.decoder = decoders.Metaspace(SPACE, prepend_scheme="always")
        tokenizer.train_from_iterator(iter(lines), trainer)
        return cls(tokenizer)

    @classmethod
    def read(cls, text: str) -> Subwords:
        """What `text` wrote.

        Raises:
            ValueError: it is not a tokenizer's, or one that has not the special tokens.
        """
        from tokenizers import Tokenizer

        try:
            tokenizer = Tokenizer.from_str(text)
        except Exception as error:  # the library raises nothing narrower
            raise ValueError(f"not a tokenizer: {error}") from error
        found = tuple(tokenizer.id_to_token(number) for number in range(len(SPECIAL)))
        if found != SPECIAL:
            raise ValueError(f"expected the special tokens {SPECIAL}, found {found}")
        return cls(tokenizer)

    @property
    def text(self) -> str:
        """The tokenizer as JSON."""
        return self._tokenizer.to_str()  # type: ignore[no-any-return]

    def __len__(self) -> int:
        return int(self._tokenizer.get_vocab_size())

    def encode(self, lines: Sequence[str]) -> list[list[int]]:
        """The token numbers of each line, without start and end."""
        encoded = self._tokenizer.encode_batch_fast(list(lines), add_special_tokens=False)
        return [line.ids for line in encoded]

    def encode_with_spans(self, lines: Sequence[str]) -> list[tuple[list[int], list[tuple[int, int]]]]:
        """For each line its token numbers, and the places (start, end) in its text that they stand for."""
        encoded = self._tokenizer.encode_batch(list(lines), add_special_tokens=False)
        return [(line.ids, line.offsets) for line in encoded]

    def begins_word(self, number: int) -> bool:
        """Whether a token begins a word."""
        return str(self._tokenizer.id_to_token(number)).startswith(SPACE)

    def decode(self, numbers: Sequence[int]) -> str:
        """The text of tokens; special ones but the unknown are left out."""
        return self.join(self.tokens(numbers))

    def tokens(self, numbers: Sequence[int]) -> list[str]:
        """The tokens by name."""
        return [self._tokenizer.id_to_token(number) for number in numbers]

    def shown(self, numbers: Sequence[int]) -> list[str]:
        """The tokens as one would show them: without the space that they may begin with."""
        return [name.replace(SPACE, " ").strip() or "_" for name in self.tokens(numbers)]

    @staticmethod
    def join(tokens: Iterable[str]) -> str:
        """The text of named tokens; special ones but the unknown are left out."""
        dropped = {SPECIAL[PAD], SPECIAL[START], SPECIAL[END]}
        return "".join(token for token in tokens if token not in dropped).replace(SPACE, " ").strip()
