"""The rows of the scoreboard; what each needs is imported when it runs."""

from __future__ import annotations

from importlib import import_module

from reliability.board import Effort, Row, Verdict


def _row(number: int, what: str, target: str, where: str) -> Row:
    module, function = where.split(".")

    def run(effort: Effort) -> Verdict:
        verdict: Verdict = getattr(import_module(f"reliability.{module}"), function)(effort)
        return verdict

    return Row(number, what, target, run)


ROWS = (
    _row(1, "kill -9 while training", "every resume bit-identical", "killing.kill"),
    _row(2, "SIGTERM and Ctrl-C", "stops within 10 s, exit code told, resume exact", "killing.ask_to_stop"),
    _row(3, "disk full while saving", "earlier checkpoint loads, one clear error, no stray files", "disks.full"),
    _row(4, "folder loses its permission", "as row 3", "disks.read_only"),
    _row(5, "newest checkpoint damaged", "noticed; falls back one, and says so", "checkpoint_files.damaged"),
    _row(6, "two runs, one folder", "second refused, nothing mixed", "checkpoint_files.shared"),
    _row(7, "exactness of resume", "bit-identical", "exactness.resumed"),
    _row(8, "malformed model folders", "documented error alone, under 500 MiB", "fuzzing.models"),
    _row(9, "malformed data files", "documented error alone, under 500 MiB", "fuzzing.data"),
    _row(10, "hostile archives and downloads", "refused; resumes after a cut", "through_pytest.archives"),
    _row(11, "code from a file", "none can run", "static.no_code"),
    _row(12, "damaged kernel cache", "never executed: made again", "kernel_cache.damaged"),
    _row(13, "16 processes, one cold cache", "all right, one entry a kernel", "kernel_cache.shared"),
    _row(14, "memory safety of generated code", "no write outside, no read of poison", "guards.guarded"),
    _row(15, "uninitialised memory", "no NaN out, bit-identical", "numbers.uninitialised"),
    _row(16, "data races", "bit-equal for a thread count, else to rounding", "threads.races"),
    _row(17, "numerical error", "stated bounds hold; no NaN", "numbers.rounding"),
    _row(18, "gradients", "gradcheck and gradgradcheck pass", "through_pytest.gradients"),
    _row(19, "operators", "opcheck, compile, export, vmap, copies, fork and spawn", "through_pytest.operators"),
    _row(20, "padding", "unchanged bit for bit", "numbers.padding"),
    _row(21, "non-finite training", "step, layer and time told; checkpoint kept", "planted.found"),
    _row(22, "bad arguments", "one ValueError or TypeError that names the argument", "arguments.refused"),
    _row(23, "torchrun", "lost processes noticed in bounded time, restarts resume", "through_pytest.processes"),
    _row(24, "long runs", "under 1 % growth after warm-up", "long_runs.memory"),
    _row(25, "reproducibility", "bit-identical on one machine and thread count", "exactness.repeated"),
)
