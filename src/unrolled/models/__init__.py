"""Estimators in scikit-learn's manner: from data to a result."""

from __future__ import annotations

from unrolled.models.classifier import SequenceClassifier as SequenceClassifier
from unrolled.models.embedding import WordVectors as WordVectors
from unrolled.models.folder import ModelError as ModelError
from unrolled.models.forecasting import EnsembleForecaster as EnsembleForecaster
from unrolled.models.forecasting import Forecaster as Forecaster
from unrolled.models.generation import TextGenerator as TextGenerator
from unrolled.models.translation import Translator as Translator
