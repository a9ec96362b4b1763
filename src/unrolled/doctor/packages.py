"""Versions: of Python, and of what the package's own metadata asks for."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from importlib import metadata

from packaging.requirements import Requirement

from unrolled.doctor.finding import Finding


def packages() -> Iterator[Finding]:
    """What is required."""
    own = metadata.version("unrolled")
    yield Finding("python", "ok", f"{platform.python_version()}, {platform.system()} on {platform.machine()}")
    yield Finding("unrolled", "ok", own)
    for text in metadata.requires("unrolled") or ():
        wanted = Requirement(text)
        if wanted.marker is None or wanted.marker.evaluate({"extra": ""}):
            yield _judged(wanted)


def extras() -> Iterator[Finding]:
    """What is optional, for users rather than for developers."""
    for name, use in (("tensorboard", "run logs"), ("index", "approximate search"), ("ets", "AutoETS in backtests")):
        for text in metadata.requires("unrolled") or ():
            wanted = Requirement(text)
            if wanted.marker is None or not wanted.marker.evaluate({"extra": name}):
                continue
            if wanted.marker.evaluate({"extra": ""}):
                continue
            found = _version(wanted.name)
            if found is None:
                advice = f"for {use}: pip install 'unrolled[{name}]'"
                yield Finding(wanted.name, "ok", "not installed; optional", advice)
            else:
                yield _judged(wanted)


def _judged(wanted: Requirement) -> Finding:
    found = _version(wanted.name)
    asked = f"{wanted.name}{wanted.specifier}"
    if found is None:
        return Finding(wanted.name, "problem", "not installed", f"pip install '{asked}'")
    if not wanted.specifier.contains(found, prereleases=True):
        return Finding(wanted.name, "problem", f"{found}, expected {wanted.specifier}", f"pip install '{asked}'")
    return Finding(wanted.name, "ok", found)


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
