"""Every check in turn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from unrolled.doctor.devices import gpus
from unrolled.doctor.finding import Finding
from unrolled.doctor.folders import data_folders, kernel_cache
from unrolled.doctor.kernels import backends, kernels
from unrolled.doctor.packages import extras, packages
from unrolled.doctor.processor import processor, threads

CHECKS: tuple[Callable[[], Iterable[Finding]], ...] = (
    packages,
    extras,
    processor,
    threads,
    kernels,
    backends,
    kernel_cache,
    data_folders,
    gpus,
)


def examined() -> Iterator[Finding]:
    """The findings of every check; one that itself fails is a problem, and the others go on."""
    for check in CHECKS:
        try:
            yield from check()
        except Exception as error:
            told = f"the check failed: {type(error).__name__}: {error}"
            yield Finding(check.__name__.replace("_", " "), "problem", told, "report this with the output of doctor")
