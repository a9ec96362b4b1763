"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "note", "problem"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found.

    Attributes:
        topic: what was looked at.
        status: "ok"; "note", where something could be better; "problem", where something does not work.
        found: what is there.
        advice: what to do about it, empty if nothing.
    """

    topic: str
    status: Status
    found: str
    advice: str = ""
