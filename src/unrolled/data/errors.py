"""What a data file that cannot be read raises."""

from __future__ import annotations


class DataError(ValueError):
    """A data file, folder or name that cannot be read; the message names it, the place and what was expected."""
