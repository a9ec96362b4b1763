"""The tour: every experiment of the field guide, run on this machine, as a page and as notebooks.

A chapter is a script of cells in `chapters/`. It is run as it stands: the page shows the code that ran, and what
came of it. Chapters use three functions of this package, everything else in them is what anybody would write.
"""

from __future__ import annotations

from unrolled.tour.recording import choose as choose
from unrolled.tour.recording import compare as compare
from unrolled.tour.recording import show as show
