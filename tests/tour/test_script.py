"""How chapters are read, and that all of them are as they should be."""

import re
import shlex
from pathlib import Path

import pytest
import typer

from unrolled.cli import app
from unrolled.tour.script import Chapter, chapters, selected

CHAPTERS = chapters()
EXAMPLE = '''"""A title.

Some *words*.
"""

# %%
import math

print(math.pi)

# %% [markdown]
# ### On your own data
#
# Text.

# %%
x = 1
'''


def test_a_script_becomes_cells(tmp_path: Path) -> None:
    path = tmp_path / "c07_a_name.py"
    path.write_text(EXAMPLE)
    chapter = Chapter(path)
    assert (chapter.number, chapter.name) == (7, "07-a-name")
    assert (chapter.title, chapter.introduction) == ("A title", "Some *words*.")
    assert [(cell.kind, cell.line) for cell in chapter.cells] == [("code", 6), ("markdown", 11), ("code", 16)]
    assert chapter.cells[0].source == "import math\n\nprint(math.pi)"
    assert chapter.cells[1].source == "### On your own data\n\nText."


def test_the_guide_has_eighteen_experiments() -> None:
    assert [chapter.number for chapter in CHAPTERS] == list(range(1, 19))


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.name)
def test_every_chapter_says_what_to_do_with_data_of_ones_own(chapter: Chapter) -> None:
    assert chapter.introduction
    assert any("### On your own data" in cell.source for cell in chapter.cells)
    assert any("compare(" in cell.source for cell in chapter.cells)


def commands() -> list[str]:
    """Every command of ours in the chapters' text, options at the ends of lines put together."""
    text = "\n".join(cell.source for chapter in CHAPTERS for cell in chapter.cells if cell.kind == "markdown")
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL)).replace("\\\n", " ").splitlines()
    inline = re.findall(r"`(unrolled [a-z][^`]*)`", text)
    return [line[line.index("unrolled ") :] for line in [*blocks, *inline] if "unrolled " in line]


@pytest.mark.parametrize("command", commands())
def test_every_command_can_be_given(command: str) -> None:
    words = shlex.split(command)[1:]
    group = typer.main.get_command(app)
    while hasattr(group, "commands"):
        group = group.commands[words.pop(0)]
    # Parsing alone: an option that does not exist, or an argument that is missing, is an error.
    group.make_context("unrolled", words)


@pytest.mark.parametrize(
    ("only", "numbers"),
    [("", list(range(1, 19))), ("7", [7]), ("9,7", [7, 9]), (" 3 - 5 , 18", [3, 4, 5, 18]), ("7,7", [7])],
)
def test_some_chapters(only: str, numbers: list[int]) -> None:
    assert [chapter.number for chapter in selected(CHAPTERS, only)] == numbers


@pytest.mark.parametrize("only", ["0", "19", "seven", "7,", "5-3", "7;9", "-1", "1-99"])
def test_other_selections_are_refused(only: str) -> None:
    with pytest.raises(ValueError, match=r"^--only: expected numbers from 1 to 18, such as 7,9 or 3-5, found") as error:
        selected(CHAPTERS, only)
    assert repr(only) in str(error.value)
