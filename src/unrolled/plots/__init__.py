"""Pictures of results, as matplotlib figures; `figure.savefig(path)` writes one."""

from __future__ import annotations

from unrolled.plots.against_lag import against_lag as against_lag
from unrolled.plots.attention import attention as attention
from unrolled.plots.classification import classification as classification
from unrolled.plots.confusion_matrix import confusion_matrix as confusion_matrix
from unrolled.plots.creative import creative as creative
from unrolled.plots.errors_by_horizon import errors_by_horizon as errors_by_horizon
from unrolled.plots.forecast import forecast as forecast
from unrolled.plots.gradient_reach import gradient_reach as gradient_reach
from unrolled.plots.learning_curve import learning_curve as learning_curve
from unrolled.plots.loss_curve import loss_curve as loss_curve
from unrolled.plots.speed import speed as speed
from unrolled.plots.through_time import gates as gates
from unrolled.plots.through_time import states as states
from unrolled.plots.windows import windows as windows
from unrolled.plots.word_map import word_map as word_map
from unrolled.plots.word_map_page import word_map_page as word_map_page
