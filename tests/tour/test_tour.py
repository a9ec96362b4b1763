"""Running chapters, and the page and notebooks that are made of them."""

import sys
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest
from typer.testing import CliRunner

from unrolled.cli import app
from unrolled.tour import choose, compare, show
from unrolled.tour.notebook import notebook
from unrolled.tour.page import page
from unrolled.tour.run import Run, run
from unrolled.tour.script import PACKAGE, Chapter, chapters

GOOD = '''"""A chapter & its <title>.

With `code` in it.
"""

# %%
from threading import Thread

from matplotlib.figure import Figure

from unrolled.tour import choose, compare, show


def spoken(word):
    print(word)


print("first", end=" ")
spoken("<words>")

# %% [markdown]
# | a | b |
# | --- | --- |
# | 1 | 2 |
#
# ```sh
# unrolled tour
# ```

# %%
thread = Thread(target=spoken, args=["from a thread"])
thread.start()
thread.join()
figure = Figure(figsize=(3, 2))
figure.subplots().plot([1, 2])
show(figure, "A line & its caption.")
compare("steps", str(choose(1, 1000)), "about 5")
with open("left-behind.txt", "w") as stream:
    stream.write("x")
'''
BAD = '''"""A chapter that fails."""

# %%
print("before")

# %%
def inner():
    raise RuntimeError("went <wrong>")


inner()

# %%
print("never")
'''


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Makes a chapter of a text, where the runner finds it."""
    import importlib

    package = importlib.import_module(PACKAGE)
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])

    def write(name: str, text: str) -> Chapter:
        (tmp_path / f"{name}.py").write_text(text)
        return Chapter(tmp_path / f"{name}.py")

    return write


def kinds(done: Run) -> list[list[tuple[str, object]]]:
    return [[(output.kind, output.data) for output in outputs] for _, outputs in done.cells]


def test_output_goes_to_the_cell_that_made_it(written, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = run(written("c90_good", GOOD))
    assert not done.failed
    first, text, last = kinds(done)
    assert first == [("text", "first <words>\n")]
    assert text == []
    assert last[0] == ("text", "from a thread\n")
    assert last[1][0] == "picture"
    assert last[1][1].startswith(b"\x89PNG")
    assert last[2] == ("figure", ("steps", "1", "about 5"))
    assert done.figures == [("steps", "1", "about 5")]
    # What a chapter writes to its working folder goes with the folder.
    assert not (tmp_path / "left-behind.txt").exists()
    assert Path.cwd() == tmp_path


def test_full_length_is_asked_for(written) -> None:
    assert run(written("c91_full", GOOD), full=True).figures == [("steps", "1000", "about 5")]


def test_a_failing_chapter_keeps_what_it_showed_and_says_why(written) -> None:
    done = run(written("c92_bad", BAD))
    assert done.failed
    first, second, third = kinds(done)
    assert first == [("text", "before\n")]
    assert third == []
    kind, told = second[0]
    assert kind == "error"
    assert told.startswith("Traceback")
    assert told.endswith("RuntimeError: went <wrong>\n")
    assert "c92_bad.py" in told
    assert "runpy" not in told


def test_a_chapter_with_a_syntax_error_fails_alone(written) -> None:
    chapter = written("c93_broken", '"""Broken."""\n\n# %%\nx = (\n')
    with pytest.raises(SyntaxError):
        _ = chapter.title
    chapter = written("c94_exits", '"""Exits."""\n\n# %%\nraise SystemExit(3)\n')
    assert run(chapter).failed


class Resources(HTMLParser):
    """What a page would load or lead to, and whether its tags are balanced."""

    VOID = frozenset({"meta", "link", "img", "br", "hr"})

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attributes) -> None:
        given = dict(attributes)
        self.ids += [given["id"]] if "id" in given else []
        self.links += [given["href"]] if tag == "a" else []
        self.loaded += [given[key] for key in ("src", "srcset", "data", "poster") if key in given]
        self.loaded += [given["href"]] if tag == "link" else []
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def parsed(text: str) -> Resources:
    found = Resources()
    found.feed(text)
    assert found.open == []
    return found


def test_the_page_is_all_in_one_file(written) -> None:
    runs = [run(written("c90_good", GOOD)), run(written("c92_bad", BAD))]
    text = page(runs)
    found = parsed(text)
    assert found.loaded
    assert all(source.startswith("data:") for source in found.loaded)
    assert "url(" not in text
    assert "@import" not in text
    assert "<script" not in text
    for link in found.links:
        assert link.removeprefix("#") in found.ids or link.startswith("notebooks/")
    assert "A chapter &amp; its &lt;title&gt;" in text
    assert "first &lt;words&gt;" in text
    assert "RuntimeError: went &lt;wrong&gt;" in text
    assert "prefers-color-scheme: dark" in text
    assert "<td>about 5</td><td><strong>1</strong></td>" in text


def test_notebooks_are_valid_and_have_what_was_shown(written) -> None:
    for name, source in (("c90_good", GOOD), ("c92_bad", BAD)):
        text = notebook(run(written(name, source)))
        read = nbformat.reads(text, as_version=4)
        nbformat.validate(read)
    book = nbformat.reads(notebook(run(written("c90_good", GOOD))), as_version=4)
    assert [cell.cell_type for cell in book.cells] == ["markdown", "code", "markdown", "code"]
    assert book.cells[1].source == written("c90_good", GOOD).cells[0].source
    assert [output.output_type for output in book.cells[3].outputs] == ["stream", "display_data", "stream"]


def test_outside_of_the_tour_chapters_show_what_they_have(tmp_path, monkeypatch, capsys) -> None:
    from matplotlib.figure import Figure

    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    for caption in ("One.", "Two."):
        show(Figure(figsize=(1, 1)), caption)
    compare("steps", "3", "5")
    compare("steps", "3")
    told = capsys.readouterr().out.splitlines()
    assert told == ["picture-1.png: One.", "picture-2.png: Two.", "steps: 3 (the guide: 5)", "steps: 3"]
    assert (tmp_path / "picture-2.png").read_bytes().startswith(b"\x89PNG")
    assert choose(1, 2) == 1
    monkeypatch.setenv("UNROLLED_TOUR", "full")
    assert choose(1, 2) == 2


def invoke(*words: object):
    return CliRunner().invoke(app, ["tour", *map(str, words)])


def test_the_command_makes_a_page_and_notebooks(tmp_path) -> None:
    out = tmp_path / "made" / "here"
    result = invoke("--only", "1,11", "-o", out)
    assert result.exit_code == 0, result.output
    assert "index.html: 2 chapters" in result.stdout
    assert sorted(path.name for path in (out / "notebooks").iterdir()) == [
        "01-by-hand.ipynb",
        "11-deep-rnn.ipynb",
    ]
    text = (out / "index.html").read_text(encoding="utf-8")
    found = parsed(text)
    assert {"01-by-hand", "11-deep-rnn", "figures"} <= set(found.ids)
    assert "the same numbers" in text


def test_a_failure_sets_the_exit_code_and_the_others_still_run(written, tmp_path, monkeypatch) -> None:
    both = [written("c92_bad", BAD), written("c95_good", GOOD)]
    monkeypatch.setattr("unrolled.tour.script.chapters", lambda: both)
    result = invoke("-o", tmp_path / "out")
    assert result.exit_code == 1
    assert "Failed: 92; the page says why." in result.stderr
    text = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert "RuntimeError" in text
    assert "from a thread" in text


def test_the_page_is_opened_where_asked(written, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("unrolled.tour.script.chapters", lambda: [written("c96_good", GOOD)])
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    assert invoke("-o", tmp_path / "a folder").exit_code == 0
    assert opened == []
    assert invoke("-o", tmp_path / "a folder", "--open").exit_code == 0
    assert opened == [(tmp_path / "a folder" / "index.html").as_uri()]


@pytest.mark.slow
@pytest.mark.parametrize("chapter", chapters(), ids=lambda chapter: chapter.path.stem)
def test_every_notebook_runs_in_jupyter(chapter: Chapter, tmp_path) -> None:
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    book = nbformat.reads(notebook(Run(chapter, [(cell, []) for cell in chapter.cells], 0.0, False)), as_version=4)
    nbclient.NotebookClient(
        book, timeout=600, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    ).execute()
    shown = [output for cell in book.cells if cell.cell_type == "code" for output in cell.outputs]
    assert any(output.output_type == "stream" for output in shown)
    shows = any("show(" in cell.source for cell in chapter.cells)
    assert any("image/png" in output.get("data", {}) for output in shown) == shows
    assert not any(output.output_type == "error" for output in shown)


def test_the_list_runs_nothing(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = invoke("--list")
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == len(chapters())
    assert list(tmp_path.iterdir()) == []


def test_bad_input_is_one_line_and_exit_code_2(tmp_path) -> None:
    (tmp_path / "file").write_text("precious")
    for words, told in ((["--only", "99"], "--only"), (["-o", tmp_path / "file"], "--output")):
        result = invoke(*words)
        assert result.exit_code == 2
        assert told in result.stderr
        assert len(result.stderr.strip().splitlines()) == 1
    assert (tmp_path / "file").read_text() == "precious"
