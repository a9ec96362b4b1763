"""Characters and subwords of bytes: text to numbers and back, wherever blocks begin."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unrolled.data import Documents
from unrolled.models.generation.byte_pairs import BytePairs
from unrolled.models.generation.characters import Characters
from unrolled.models.generation.tokens import Tokens

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)
VERSE = "the cat sat on the mat.\r\n\tthe dog sat\x00 on the log.\n\n" * 20
PAIRS = BytePairs.learn(Documents(VERSE), 300)


def numbers(units, text: str, cuts: list[int]) -> list[int]:
    edges = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    blocks = [text[a:b] for a, b in pairwise(edges)]
    return np.concatenate([np.zeros(0), *units.encode(blocks)]).astype(int).tolist()


@given(text=TEXT, cuts=st.lists(st.integers(0, 80), max_size=4))
def test_subwords_give_the_text_back_wherever_it_is_cut(text: str, cuts: list[int]) -> None:
    found = numbers(PAIRS, text, cuts)
    assert found == numbers(PAIRS, text, [])
    decode = PAIRS.decoder()
    assert "".join(map(decode, found)) == text


@given(text=TEXT, cuts=st.lists(st.integers(0, 80), max_size=4))
def test_characters_give_back_what_they_know(text: str, cuts: list[int]) -> None:
    units = Characters(sorted(set("abcdefgh 🙂é\x00" + text[:20])))
    found = numbers(units, text, cuts)
    decode = units.decoder()
    for number, character in zip(found, text, strict=True):
        assert number == units.unknown if character not in units.characters else decode(number) == character


def test_frequent_runs_become_subwords() -> None:
    assert len(PAIRS) <= 300
    assert len(numbers(PAIRS, VERSE, [])) < 0.5 * len(VERSE)
    again = BytePairs.read(PAIRS.text)
    assert numbers(again, VERSE, []) == numbers(PAIRS, VERSE, [])


@pytest.mark.parametrize("text", ["", "{}", '{"model": 3}'])
def test_what_is_no_tokenizer_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a tokenizer of bytes"):
        BytePairs.read(text)


def test_a_tokenizer_of_something_else_is_refused() -> None:
    from tokenizers import Tokenizer, models

    with pytest.raises(ValueError, match="not a tokenizer of bytes"):
        BytePairs.read(Tokenizer(models.BPE({"\u6f22": 0}, [])).to_str())


@pytest.mark.parametrize("values", [None, [], ["ab"], [3], ["a", "a"]])
def test_what_is_no_list_of_characters_is_refused(values) -> None:
    with pytest.raises(ValueError, match="characters"):
        Characters.read(values)


def test_numbers_take_as_few_bytes_as_they_need() -> None:
    few = Characters.learn(Documents("abc"))
    many = Characters.learn(Documents("".join(map(chr, range(0x4E00, 0x4E00 + 1000)))))
    for units, size in ((few, 1), (many, 2)):
        tokens = Tokens.of(Documents(["abc", "a"]), units, ends=True)
        assert tokens.values.itemsize == size
        assert len(tokens) == 6
        assert tokens.characters == 4
        assert (tokens.values == len(units)).tolist() == [False, False, False, True, False, True]
