"""Recurrent neural networks, done properly.

The public names load what they need when they are first used, so that importing the package costs little more
than importing torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from unrolled import cells as cells
from unrolled.unroll import Explanation as Explanation
from unrolled.unroll import explain as explain
from unrolled.unroll import static_unroll as static_unroll
from unrolled.unroll import unroll as unroll

if TYPE_CHECKING:
    from unrolled import data as data
    from unrolled import nn as nn
    from unrolled import plots as plots
    from unrolled import training as training
    from unrolled.inside import Inspection as Inspection
    from unrolled.inside import gradient_reach as gradient_reach
    from unrolled.inside import inspect as inspect
    from unrolled.models import EnsembleForecaster as EnsembleForecaster
    from unrolled.models import Forecaster as Forecaster
    from unrolled.models import SequenceClassifier as SequenceClassifier
    from unrolled.models import TextGenerator as TextGenerator
    from unrolled.models import Translator as Translator
    from unrolled.models import WordVectors as WordVectors
    from unrolled.nn import accelerate as accelerate
    from unrolled.stream import Stream as Stream

__version__ = "0.1.0"

_rooms = ("compiler", "data", "nn", "plots", "training")
_homes = {
    "EnsembleForecaster": "unrolled.models",
    "Forecaster": "unrolled.models",
    "Inspection": "unrolled.inside",
    "SequenceClassifier": "unrolled.models",
    "TextGenerator": "unrolled.models",
    "Translator": "unrolled.models",
    "WordVectors": "unrolled.models",
    "Stream": "unrolled.stream",
    "accelerate": "unrolled.nn",
    "gradient_reach": "unrolled.inside",
    "inspect": "unrolled.inside",
}


def __getattr__(name: str) -> Any:
    if name in _rooms:
        return import_module(f"unrolled.{name}")
    if name in _homes:
        return getattr(import_module(_homes[name]), name)
    raise AttributeError(f"module 'unrolled' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_rooms, *_homes])
