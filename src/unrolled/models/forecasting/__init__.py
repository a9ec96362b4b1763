"""Forecasting: series in, forecasts with their uncertainty out, and what measures them."""

from __future__ import annotations

from unrolled.models.forecasting.ensemble import EnsembleForecaster as EnsembleForecaster
from unrolled.models.forecasting.forecaster import Forecaster as Forecaster
