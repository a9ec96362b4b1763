"""The page of a tour: one file, with everything in it."""

from __future__ import annotations

import platform
from base64 import b64encode
from datetime import date
from html import escape
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

import torch
from markdown_it import MarkdownIt
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.styles import get_style_by_name

from unrolled import __version__
from unrolled.tour.recording import DPI, Output
from unrolled.tour.run import Run

# Colours of code, by light and by dark.
STYLES = ("friendly", "github-dark")


def page(runs: list[Run], *, full: bool = False) -> str:
    """The page as HTML. It names no other file but the notebooks, in `notebooks/`."""
    template = Template(resources.files("unrolled.tour").joinpath("page.html").read_text(encoding="utf-8"))
    seconds = sum(run.seconds for run in runs)
    return template.substitute(
        css=resources.files("unrolled.tour").joinpath("page.css").read_text(encoding="utf-8"),
        light=_code_colours(STYLES[0]),
        dark=_code_colours(STYLES[1]),
        machine=escape(
            f"unrolled {__version__}, torch {torch.__version__}, {_processor()}, "
            f"{_counted(torch.get_num_threads(), 'thread')}, {date.today().isoformat()}: "
            f"{_counted(len(runs), 'chapter')} in {_duration(seconds)}" + (", at full length" if full else "")
        ),
        contents="".join(
            f'<li value="{run.chapter.number}"><a href="#{run.chapter.name}">{escape(run.chapter.title)}</a>'
            f"{_FAILED if run.failed else ''}</li>"
            for run in runs
        ),
        figures=_figures(runs),
        chapters="".join(map(_chapter, runs)),
    )


_FAILED = ' <strong class="failed">failed</strong>'


def _chapter(run: Run) -> str:
    chapter = run.chapter
    parts = [
        f'<section id="{chapter.name}"><h2><a class="number" href="#{chapter.name}">{chapter.number}</a> '
        f"{escape(chapter.title)}</h2>",
        _markdown(chapter.introduction),
    ]
    for cell, outputs in run.cells:
        if cell.kind == "markdown":
            parts.append(f'<div class="text">{_markdown(cell.source)}</div>')
        else:
            parts.append(_highlighted(cell.source, "python", ""))
        parts.extend(map(_output, outputs))
    parts.append(
        f'<p class="end">{_duration(run.seconds)} · <a href="notebooks/{chapter.name}.ipynb">as a notebook</a></p>'
    )
    return "".join([*parts, "</section>\n"])


def _output(output: Output) -> str:
    if output.kind == "picture":
        caption = escape(output.caption)
        source = f"data:image/png;base64,{b64encode(output.data).decode()}"
        # As wide as it was drawn, and on a narrow screen not so small that it cannot be read.
        inches = int.from_bytes(output.data[16:20]) / DPI
        width = f"max-width: {round(96 * inches)}px; min-width: {round(60 * inches)}px"
        return (
            f'<figure><div class="picture" tabindex="0"><img src="{source}" alt="{caption}" style="{width}"></div>'
            f"<figcaption>{caption}</figcaption></figure>"
        )
    if output.kind == "figure":
        what, ours, guide = map(escape, output.data)
        beside = f' <span class="guide">the guide: {guide}</span>' if guide else ""
        return f'<p class="figure">{what}: <strong>{ours}</strong>{beside}</p>'
    if not output.data.strip():
        return ""
    return f'<pre class="{output.kind}" tabindex="0">{escape(output.data.rstrip())}</pre>'


def _figures(runs: list[Run]) -> str:
    rows = []
    for run in runs:
        for what, ours, guide in run.figures:
            rows.append(
                f'<tr><td><a href="#{run.chapter.name}">{run.chapter.number}</a></td><td>{escape(what)}</td>'
                f"<td>{escape(guide) or '-'}</td><td><strong>{escape(ours)}</strong></td></tr>"
            )
    return "".join(rows)


def _markdown(text: str) -> str:
    parser = MarkdownIt("commonmark", {"highlight": _highlighted}).enable("table")
    made: str = parser.render(text)
    return made.replace("<table>", '<div class="scroll" tabindex="0"><table>').replace("</table>", "</table></div>")


def _highlighted(source: str, language: str, _: str) -> str:
    lexer = get_lexer_by_name({"sh": "bash"}.get(language, language or "text"))
    return f'<pre class="highlight" tabindex="0">{highlight(source, lexer, HtmlFormatter(nowrap=True))}</pre>'


def _code_colours(style: str) -> str:
    formatter: Any = HtmlFormatter(style=get_style_by_name(style))
    # The page has its own background.
    return "\n".join(line for line in formatter.get_style_defs(".highlight").splitlines() if "background" not in line)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" + ("" if count == 1 else "s")


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds // 60)} min {round(seconds % 60)} s"


def _processor() -> str:
    """What the machine calls its processor."""
    told = Path("/proc/cpuinfo")
    if told.exists():
        for line in told.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
