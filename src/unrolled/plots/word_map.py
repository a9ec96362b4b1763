"""Words on a plane, with labels that do not lie on each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

Boxes = NDArray[np.float64]

# Where a label may stand, near places first: distance from its point in points of type, and sixteen directions.
DISTANCES = (4, 9, 15, 22, 30, 40, 52, 66)
ANGLES = np.arange(16) * np.pi / 8
# A label this far off gets a line to its point.
LINE = 9
GAP = 1.0


def word_map(
    words: Sequence[str], points: NDArray[np.floating], groups: Sequence[int] | NDArray[np.int64] | None = None
) -> Figure:
    """A dot and a label for each word.

    Labels are placed one by one, the first words first, each as near to its dot as the others leave room; one for
    which there is no room at all is left out, and the title says how many are.

    Args:
        words: the most important first.
        points: (words, 2).
        groups: (words,), which colour each has.

    Raises:
        ValueError: there are no words, or not as many points.
    """
    points = np.asarray(points, float)
    if len(words) == 0 or points.shape != (len(words), 2):
        raise ValueError(f"points: expected ({len(words)}, 2) for as many words, found {points.shape}")
    side = float(np.clip(0.65 * np.sqrt(len(words)), 6, 24))
    figure = Figure(figsize=(side, side), layout=None)
    axes = figure.add_axes((0.02, 0.02, 0.96, 0.94))
    colours = np.zeros(len(words), int) if groups is None else np.asarray(groups)
    axes.scatter(points[:, 0], points[:, 1], c=colours, cmap="tab10", vmin=0, vmax=9, s=10, linewidths=0)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.margins(0.05)
    # Where a point lies on the page is only known when the axes have their limits.
    axes.autoscale_view()
    canvas = FigureCanvasAgg(figure)
    renderer = canvas.get_renderer()  # type: ignore[no-untyped-call]
    texts = [axes.text(0, 0, _literal(word), fontsize=7, ha="center", va="center") for word in words]
    sizes = np.array([[box.width, box.height] for box in (text.get_window_extent(renderer) for text in texts)])
    scale = figure.dpi / 72
    pixels = axes.transData.transform(points)
    places = place_labels(pixels, sizes + 2 * GAP * scale, axes.bbox.extents, scale)
    back = axes.transData.inverted()
    for text, place, point in zip(texts, places, pixels, strict=True):
        if np.isnan(place).any():
            text.remove()
            continue
        text.set_position(tuple(back.transform(place)))
        if np.hypot(*(place - point)) > (LINE + 14) * scale:
            ends = back.transform(np.stack([point, place]))
            axes.plot(ends[:, 0], ends[:, 1], color="0.8", linewidth=0.5, zorder=0)
    left_out = int(np.isnan(places[:, 0]).sum())
    told = f"{len(words)} words" + (f", {left_out} without room for a label" if left_out else "")
    axes.set_title(f"{told}: near words keep like company (t-SNE of cosine distances)", fontsize=9)
    return figure


def place_labels(points: Boxes, sizes: Boxes, area: Sequence[float] | Boxes, scale: float = 1.0) -> Boxes:
    """Centres (labels, 2) of labels that do not overlap; NaN where there is no room.

    Args:
        points: (labels, 2), what each belongs to.
        sizes: (labels, 2), width and height.
        area: left, bottom, right and top of what may be used.
        scale: units in a point of type.
    """
    directions = np.stack([np.cos(ANGLES), np.sin(ANGLES)], 1)
    low, high = np.array(area[:2]), np.array(area[2:])
    centres = np.full((len(points), 2), np.nan)
    taken_low, taken_high = np.empty((len(points), 2)), np.empty((len(points), 2))
    count = 0
    for i, (point, half) in enumerate(zip(points, np.asarray(sizes) / 2, strict=True)):
        # The label's edge, not its middle, keeps the distance.
        steps = [point + directions * (half + distance * scale * np.array([0.5, 1.0])) for distance in DISTANCES]
        tried = np.concatenate(steps)
        inside = ((tried - half >= low) & (tried + half <= high)).all(1)
        apart = (tried[:, None] + half <= taken_low[:count]) | (tried[:, None] - half >= taken_high[:count])
        free = inside & apart.any(2).all(1)
        if not free.any():
            continue
        # Among the free places, one that covers few dots, and then the nearest.
        covered = (np.abs(tried[free][:, None] - points) < half).all(2).sum(1)
        ring = np.flatnonzero(free) // len(ANGLES)
        best = np.flatnonzero(free)[np.lexsort((ring, covered * 2 + ring))[0]]
        centres[i] = tried[best]
        taken_low[count], taken_high[count] = tried[best] - half, tried[best] + half
        count += 1
    return centres


def _literal(word: str) -> str:
    # A pair of dollar signs would be set as mathematics.
    return word.replace("$", r"\$")
