"""Subwords: text comes back, whatever it is."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unrolled.models.translation.tokenizer import SPECIAL, UNKNOWN, Subwords

LINES = ["L'homme, âgé de 3 ans, joue-t-il ?", "Deux chiens (noirs) courent.", "« Oui » dit-elle !"] * 5
BPE, UNIGRAM = (Subwords.train(LINES, 150, kind) for kind in ("bpe", "unigram"))


@pytest.mark.parametrize("subwords", [BPE, UNIGRAM], ids=["bpe", "unigram"])
def test_text_comes_back(subwords: Subwords) -> None:
    assert [subwords.decode(line) for line in subwords.encode(LINES)] == LINES
    assert subwords.tokens(range(4)) == list(SPECIAL)
    assert len(subwords) <= 150


def test_white_space_and_control_characters_become_one_space() -> None:
    assert BPE.decode(BPE.encode(["  Deux \t chiens\x07\u200bnoirs\n "])[0]) == "Deux chiens noirs"
    assert BPE.encode(["", " \t\x00 "]) == [[], []]


def test_what_was_never_seen_is_unknown_and_its_place_is_told() -> None:
    line = "Deux 漢字 noirs"
    ((tokens, spans),) = BPE.encode_with_spans([line])
    place = tokens.index(UNKNOWN)
    assert line[slice(*spans[place])].strip() == "漢字"
    assert BPE.decode(tokens) == "Deux <unk> noirs"


@given(st.text(max_size=40))
def test_any_text_is_taken(text: str) -> None:
    text = text.encode("utf-8", "ignore").decode()
    for subwords in (BPE, UNIGRAM):
        tokens = subwords.encode([text])[0]
        assert max(tokens, default=0) < len(subwords)
        subwords.decode(tokens)


def test_it_is_written_and_read() -> None:
    again = Subwords.read(BPE.text)
    assert again.encode(LINES) == BPE.encode(LINES)


def without_specials() -> str:
    head = json.loads(BPE.text)
    head["model"]["vocab"] = {name.strip("<>"): number for name, number in head["model"]["vocab"].items()}
    head["added_tokens"] = []
    return json.dumps(head)


@pytest.mark.parametrize("text", ["", "{}", "[]", BPE.text[:-20], json.dumps({"model": {"type": "Nonsense"}})])
def test_what_is_no_tokenizer_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="tokenizer"):
        Subwords.read(text)


def test_other_special_tokens_are_refused() -> None:
    with pytest.raises(ValueError, match=r"special tokens|tokenizer"):
        Subwords.read(without_specials())
