"""Forecasting: series in, forecasts with their uncertainty out, and what measures them."""
