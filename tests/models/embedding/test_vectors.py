"""Vectors apart from their training: search, analogies, scores, maps."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import torch

from unrolled.data import DataError
from unrolled.data.vocabulary import Vocabulary
from unrolled.models.embedding import Vectors
from unrolled.models.embedding import search as searching
from unrolled.models.embedding.search import nearest, unit


def known(**vectors: list[float]) -> Vectors:
    return Vectors(Vocabulary(list(vectors)), np.array(list(vectors.values()), np.float32))


ROYAL = known(man=[1, 0, 0.1], woman=[0, 1, 0.1], king=[1, 0, 1], queen=[0, 1, 1], apple=[-1, -1, 0])


def test_nearest_is_exact_across_blocks(monkeypatch) -> None:
    monkeypatch.setattr(searching, "BLOCK", 7)
    monkeypatch.setattr(searching, "QUERIES", 3)
    units = unit(torch.randn(50, 8, generator=torch.Generator().manual_seed(0)))
    values, places = nearest(units, units[:10], 5, torch.arange(10).unsqueeze(1))
    products = units[:10] @ units.T
    products[torch.arange(10), torch.arange(10)] = -torch.inf
    expected, at = products.topk(5)
    torch.testing.assert_close(values, expected)
    assert torch.equal(places, at)


@pytest.mark.parametrize("count", [10, 64, 130, 1000, 1024])
def test_the_highest_are_found_by_groups(count: int) -> None:
    products = torch.randn(5, count, generator=torch.Generator().manual_seed(1))
    products[0, -1] = products[1, 0] = 99
    values, places = searching._top(products, 3)
    expected, at = products.topk(3)
    assert torch.equal(values, expected)
    assert torch.equal(places, at)


def test_more_neighbours_than_words() -> None:
    assert len(ROYAL.most_similar("king", 100)) == 4
    assert [word for word, _ in ROYAL.most_similar("king", 100, most_frequent=2)] == ["man", "woman"]
    assert ROYAL.most_similar(["king", "man"], 1)[0][0] not in ("king", "man")


@pytest.mark.parametrize("method", ["3cosadd", "3cosmul"])
def test_analogy(method: str) -> None:
    assert ROYAL.analogy("man", "king", "woman", method=method)[0][0] == "queen"


def test_a_zero_vector_is_near_nothing() -> None:
    assert known(a=[0, 0], b=[1, 0]).similarity("a", "b") == 0


def test_scores(tmp_path) -> None:
    (tmp_path / "pairs.tsv").write_text("# a comment\nman\tking\t9\nman\tapple\t1\nking\tqueen\t5\nman\tpear\t4\n")
    (tmp_path / "questions.txt").write_text(
        ": royal\nman king woman queen\nman king woman apple\n: fruit\npear a b c\n"
    )
    pairs, questions = ROYAL.score(tmp_path / "pairs.tsv", tmp_path / "questions.txt")
    assert (pairs.value, pairs.used, pairs.unknown) == (pytest.approx(1.0), 3, 1)
    assert (questions.value, questions.used, questions.unknown) == (0.5, 2, 1)
    assert questions.sections["royal"] == (0.5, 2)
    assert questions.record()["sections"]["fruit"] == {"score": None, "used": 0}
    assert ROYAL.score(tmp_path / "questions.txt", most_frequent=3)[0].used == 0


def test_simlex_is_read_by_its_heading(tmp_path) -> None:
    (tmp_path / "simlex.txt").write_text("word1\tword2\tPOS\tSimLex999\nman\tking\tN\t3\nman\tapple\tN\t1\n")
    assert ROYAL.score(tmp_path / "simlex.txt")[0].value == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "found nothing"),
        ("a\tb\t1\nc\td\tx\n", "line 2: expected a number"),
        ("a b\n", "line 1: expected two words"),
        (": s\na b c\n", "line 2: expected four words"),
    ],
)
def test_no_judgements(tmp_path, text: str, told: str) -> None:
    (tmp_path / "t").write_text(text)
    with pytest.raises(DataError, match=told):
        ROYAL.score(tmp_path / "t")


def test_map(trained, tmp_path) -> None:
    made = trained.map(20)
    assert len(made.words) == len(made.groups) == len(made.neighbours) == 20
    assert made.points.shape == (20, 2)
    assert np.isfinite(made.points).all()
    assert made.neighbours[0] == [(word, round(value, 3)) for word, value in trained.most_similar(made.words[0], 8)]
    assert set(trained.map(["t0w0", "t1w1", "t2w2"]).words) == {"t0w0", "t1w1", "t2w2"}
    made.save(tmp_path / "m.png")
    made.save(tmp_path / "m.html")
    assert (tmp_path / "m.png").read_bytes().startswith(b"\x89PNG")
    page = (tmp_path / "m.html").read_text()
    data = json.loads(re.search(r"const words = (\[.*\]);", page)[1])
    assert [entry[0] for entry in data] == made.words
    assert not re.search(r"(src|href)=|https?://|@import|fetch\(", page)


def test_words_cannot_break_out_of_the_page(tmp_path) -> None:
    names = {"</script><b>": [1, 0], "$x$": [0, 1], "a\u2028b": [1, 1], "<!--": [2, 1]}
    vectors = Vectors(Vocabulary(list(names)), np.array(list(names.values()), np.float32))
    made = vectors.map(4)
    made.save(tmp_path / "m.html")
    made.save(tmp_path / "m.png")
    page = (tmp_path / "m.html").read_text()
    assert page.count("</script>") == 1
    assert "<!--" not in page
    assert json.loads(re.search(r"const words = (\[.*\]);", page)[1])[0][0] in names
