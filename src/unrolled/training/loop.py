"""The training loop."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from math import isfinite
from typing import Any

import torch
from torch import Tensor, nn

from unrolled.checks import expect, instance, is_integer, truth
from unrolled.training.callbacks import Callback, Progress
from unrolled.training.checkpoint import CheckpointError, Checkpoints
from unrolled.training.diagnosis import Before, NonFiniteLossError, diagnose
from unrolled.training.distributed import Processes, joined
from unrolled.training.interruption import Interrupted, Request, noticing_signals
from unrolled.training.loss import Loss, Share, Whole
from unrolled.training.options import Options
from unrolled.training.own_state import first_checkpoint, others_tensors, random_states, take_own_tensors
from unrolled.training.saved import check_like, check_optimizer, check_state
from unrolled.training.schedule import learning_rate_factor


def train(
    module: nn.Module,
    loss: Callable[[nn.Module, Any], Loss],
    batches: Callable[[torch.Generator], Sequence[Any]],
    options: Options,
    *,
    seed: int,
    validate: Callable[[nn.Module], dict[str, float]] | None = None,
    callbacks: Sequence[Callback] = (),
    checkpoints: Checkpoints | None = None,
    resume: bool = False,
) -> list[dict[str, Any]]:
    """Trains a module in place.

    The same seed on the same machine and thread count gives the same parameters bit for bit, and so does a run that
    was stopped and resumed. The caller's random state is left as it was.

    Under torchrun the processes share each batch, and all end with the parameters that one would have had, but for
    rounding and what is random within the module. The first process alone writes checkpoints.

    Args:
        module: what to train; in evaluation mode afterwards.
        loss: of the module and a batch.
        batches: the batches of one epoch, in an order drawn from the generator. Several processes share a batch by
            slices, `batch[first::step]`, which tensors and lists have.
        options: see `Options`.
        seed: of the order of batches, and of whatever the module draws.
        validate: metrics after each epoch, such as "validation_loss"; the first process's count.
        callbacks: what looks on, in the first process unless it says otherwise.
        checkpoints: where to save after each epoch, every few minutes within one, and when a signal asks to stop.
        resume: go on from the newest checkpoint, if there is one; else those of an earlier run are removed.

    Returns:
        The history: for every epoch "epoch", "loss", the metrics, "lr", "grad_norm" (mean, before clipping),
        "seconds" and "rate" (examples a second).

    Raises:
        NonFiniteLossError: the loss or a gradient is NaN or infinite; the message says in which step, layer and time
            step that began. The last checkpoint is from before.
        Interrupted: a signal asked to stop; only with checkpoints.
        CheckpointError: the checkpoints are damaged or another run's.
        LostProcessError: another process of the run ended or hangs.
        OSError: a checkpoint cannot be written; the earlier ones are as they were.

    Memory: the parameters, their gradients, the optimizer's state (twice the parameters for Adam), the best
    parameters if `patience` is set, those of the epochs to `average`, and what the module keeps for one batch; of
    several processes each holds all of these for its share of the batch, and the gradients once more.
    """
    instance("module", module, nn.Module, "a torch module")
    for name, value in (("loss", loss), ("batches", batches), ("validate", loss if validate is None else validate)):
        instance(name, value, Callable, "a function")  # type: ignore[arg-type]
    instance("options", options, Options, "unrolled.training.Options")
    expect("seed", seed, "an integer of 64 bits", is_integer(seed) and -(2**63) <= seed < 2**63)
    instance("checkpoints", checkpoints, (Checkpoints, type(None)), "unrolled.training.Checkpoints or None")
    fits = isinstance(callbacks, (list, tuple)) and all(isinstance(one, Callback) for one in callbacks)
    expect("callbacks", callbacks, "a list of Callbacks", fits)
    truth("resume", resume)
    devices = [parameter.device for parameter in module.parameters() if parameter.device.type == "cuda"]
    gpus = sorted({device.index or 0 for device in devices})
    with joined() as processes, torch.random.fork_rng(devices=gpus):
        # What a module draws, such as dropout, differs from process to process.
        torch.manual_seed(seed + processes.rank)
        processes.copy_first(list(module.state_dict().values()))
        looking = tuple(each for each in callbacks if processes.rank == 0 or each.in_every_process)
        run = _Run(module, loss, batches, options, seed, validate, looking, checkpoints, processes)
        if checkpoints is not None and resume:
            run.restore(checkpoints)
        elif checkpoints is not None and processes.rank == 0:
            checkpoints.clear()
        for callback in run.callbacks:
            callback.on_start(module, run.progress)
        try:
            if checkpoints is None:
                run.all_epochs(Request())
            else:
                with noticing_signals() as request:
                    run.all_epochs(request)
        finally:
            module.eval()
            for callback in run.callbacks:
                callback.on_end(module, run.progress)
    return run.progress.history


class _Run:
    """The state of a run, all of which a checkpoint holds."""

    def __init__(
        self,
        module: nn.Module,
        loss: Callable[[nn.Module, Any], Loss],
        batches: Callable[[torch.Generator], Sequence[Any]],
        options: Options,
        seed: int,
        validate: Callable[[nn.Module], dict[str, float]] | None,
        callbacks: tuple[Callback, ...],
        checkpoints: Checkpoints | None,
        processes: Processes,
    ) -> None:
        self.module, self.loss, self.batches, self.options = module, loss, batches, options
        self.validate, self.callbacks, self.checkpoints = validate, callbacks, checkpoints
        self.processes = processes
        self.optimizer = options.make_optimizer(module)
        self.parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
        self.generator = torch.Generator().manual_seed(seed)
        self.epoch_start = self.generator.get_state()
        self.progress = Progress(0, options.epochs)
        self.sums: dict[str, float] = {}
        self.seconds = 0.0
        self.best = float("inf")
        self.best_tensors: dict[str, Tensor] = {}
        self.recent: list[dict[str, Tensor]] = []
        self.stale = 0
        # Epochs may differ in steps, so that only a count says which checkpoint is the newer.
        self.done = 0
        self.progress.steps = len(self._epoch_batches())

    def _epoch_batches(self) -> Sequence[Any]:
        self.generator.set_state(self.epoch_start)
        return self.batches(self.generator)

    def all_epochs(self, request: Request) -> None:
        while self.progress.epoch < self.options.epochs and not self._has_stopped_early():
            self.one_epoch(request)
        if self.options.patience is not None and self.best_tensors:
            self.module.load_state_dict(self.best_tensors)
        elif len(self.recent) > 1:
            self.module.load_state_dict(_mean(self.recent))

    def _has_stopped_early(self) -> bool:
        return self.options.patience is not None and self.stale >= self.options.patience

    def one_epoch(self, request: Request) -> None:
        progress = self.progress
        batches = self._epoch_batches()
        progress.steps = len(batches)
        self.module.train()
        began = time.perf_counter()
        while progress.step < progress.steps:
            self.one_step(batches[progress.step])
            for callback in self.callbacks:
                callback.on_step(self.module, progress)
            if self.checkpoints is None:
                continue
            number, due = self._asked(request, self.checkpoints)
            if number or due:
                self.seconds, began = self.seconds + time.perf_counter() - began, time.perf_counter()
                self.save()
            if number:
                raise Interrupted(number, self.checkpoints.folder)
        self.seconds += time.perf_counter() - began
        self.finish_epoch()
        if self.checkpoints is not None:
            self.save()

    def _asked(self, request: Request, checkpoints: Checkpoints) -> tuple[int, bool]:
        """The signal that asks any process to stop, 0 for none; whether the first finds that it is time to save."""
        due = self.processes.rank == 0 and checkpoints.due
        asked = self.processes.largest(2 * (request.number or 0) + due)
        return asked // 2, asked == 1

    def one_step(self, batch: Any) -> None:
        progress, options = self.progress, self.options
        done = progress.epoch * progress.steps + progress.step
        factor = learning_rate_factor(options.schedule, options.warmup, done, options.epochs * progress.steps)
        for group in self.optimizer.param_groups:
            group["lr"] = self.sums["lr"] = float(options.lr) * factor
        self.optimizer.zero_grad()
        before = Before.of(self.module)
        share = Share.of(batch, self.processes)
        result = self.loss(self.module, share.batch)
        whole = Whole.of(result, self.processes, counts=share.counts)
        progress.loss = whole.mean
        if not isfinite(progress.loss):
            raise self.not_finite(f"the loss became {progress.loss}", share.batch, before)
        if share.counts:
            result.mean.backward(torch.full_like(result.mean, whole.factor))  # type: ignore[no-untyped-call]
        self.processes.sum_gradients(self.parameters)
        norm = nn.utils.clip_grad_norm_(self.parameters, options.clip_norm or float("inf"))
        if not isfinite(float(norm)):
            raise self.not_finite(f"the gradient became {float(norm)}", share.batch, before)
        self.optimizer.step()
        progress.step, self.done = progress.step + 1, self.done + 1
        progress.examples += whole.count
        means = {"loss": progress.loss, **whole.metrics}
        for name, value in means.items():
            self.sums[name] = self.sums.get(name, 0.0) + value * whole.count
        self.sums["grad_norm"] = self.sums.get("grad_norm", 0.0) + float(norm)
        progress.metrics = {name: self.sums[name] / progress.examples for name in means}

    def not_finite(self, what: str, batch: Any, before: Before) -> NonFiniteLossError:
        """The error of the step under way; the step is run again to find where it went wrong."""
        epoch, step = self.progress.epoch + 1, self.progress.step + 1
        before.restore(self.module)
        finding = diagnose(self.module, lambda: self.loss(self.module, batch).mean)
        where = "every layer is finite when the step is run again" if finding is None else f"the {finding}"
        message = f"{what} in epoch {epoch}, step {step}; {where}. A smaller lr or clip_norm may help"
        return NonFiniteLossError(message, epoch=epoch, step=step, finding=finding)

    def finish_epoch(self) -> None:
        progress = self.progress
        entry: dict[str, Any] = {"epoch": progress.epoch + 1, **progress.metrics}
        entry["lr"] = self.sums.get("lr", 0.0)
        entry["grad_norm"] = self.sums.get("grad_norm", 0.0) / max(progress.steps, 1)
        entry["seconds"] = self.seconds
        entry["rate"] = progress.examples / self.seconds if self.seconds else 0.0
        self.module.eval()
        if self.validate is not None:
            with torch.no_grad():
                entry |= self.validate(self.module)
        if self.processes.count > 1:
            entry = json.loads(self.processes.first_bytes(json.dumps(entry).encode()))
        self._note_recent()
        self._note_best(entry)
        progress.history.append(entry)
        for callback in self.callbacks:
            callback.on_epoch(self.module, progress)
        progress.epoch, progress.step, progress.examples = progress.epoch + 1, 0, 0
        progress.metrics, self.sums, self.seconds = {}, {}, 0.0
        self.epoch_start = self.generator.get_state()

    def _note_recent(self) -> None:
        if self.options.average > 1:
            now = {name: tensor.clone() for name, tensor in self.module.state_dict().items()}
            self.recent = [*self.recent, now][-self.options.average :]

    def _note_best(self, entry: dict[str, Any]) -> None:
        name = self.options.monitor.removeprefix("-")
        if self.options.patience is None or name not in entry:
            return
        value = entry[name] if name == self.options.monitor else -entry[name]
        if value < self.best:
            self.best, self.stale = value, 0
            self.best_tensors = _mean(self.recent or [self.module.state_dict()])
        else:
            self.stale += 1

    def save(self) -> None:
        assert self.checkpoints is not None
        progress = self.progress
        for name, parameter in self.module.named_parameters():
            # The checkpoints before are the last good ones: they stay.
            if not parameter.isfinite().all():
                raise NonFiniteLossError(f"parameter {name!r} is not finite after epoch {progress.epoch}; not saved")
        tensors = {f"module.{name}": tensor for name, tensor in self.module.state_dict().items()}
        tensors |= {f"best.{name}": tensor for name, tensor in self.best_tensors.items()}
        for number, kept in enumerate(self.recent):
            tensors |= {f"recent.{number}.{name}": tensor for name, tensor in kept.items()}
        for number, values in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{number}.{name}": value for name, value in values.items() if value is not None}
        tensors["random.epoch"] = self.epoch_start
        tensors |= random_states() | others_tensors(self.module, self.processes)
        state = {
            "epoch": progress.epoch,
            "step": progress.step,
            "examples": progress.examples,
            "metrics": progress.metrics,
            "history": progress.history,
            "sums": self.sums,
            "seconds": self.seconds,
            "best": self.best,
            "stale": self.stale,
            "done": self.done,
        }
        if self.processes.rank == 0:
            self.checkpoints.save(self.done, tensors, state)

    def restore(self, checkpoints: Checkpoints) -> None:
        found = first_checkpoint(checkpoints, self.processes)
        if found is None:
            return
        try:
            self.resume_from(*found)
        except (KeyError, TypeError, ValueError, AttributeError, RuntimeError, IndexError) as error:
            raise CheckpointError(f"{checkpoints.folder}: its newest checkpoint is not this run's: {error}") from error

    def resume_from(self, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
        """Takes over what `save` gave.

        Raises:
            KeyError, TypeError, ValueError, AttributeError, RuntimeError, IndexError: `save` did not give this.
        """
        check_state(state)
        now = self.module.state_dict()
        held: dict[int, dict[str, Tensor]] = {}
        for name, value in _under("optimizer.", tensors).items():
            number, key = name.split(".", 1)
            held.setdefault(int(number), {})[key] = value
        check_optimizer(self.options.optimizer, held, self.parameters)
        best = _under("best.", tensors)
        kept = (_under(f"recent.{number}.", tensors) for number in range(self.options.average))
        recent = [epoch for epoch in kept if epoch]
        own = _under("module.", tensors)
        for name, state_dict in [
            ("module", own),
            *([("best", best)] if best else []),
            *(("recent", r) for r in recent),
        ]:
            check_like(name, state_dict, now)
        self.module.load_state_dict(own)
        self.best_tensors = best
        # Read into host memory, and to be averaged with what later epochs leave on the device.
        self.recent = [{name: value.to(now[name].device) for name, value in epoch.items()} for epoch in recent]
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": held})
        self.epoch_start = tensors["random.epoch"]
        self.generator.set_state(self.epoch_start)
        take_own_tensors(self.module, tensors, self.processes)
        for name in ("epoch", "step", "examples", "metrics", "history"):
            setattr(self.progress, name, state[name])
        self.sums, self.seconds, self.best, self.stale = (state[n] for n in ("sums", "seconds", "best", "stale"))
        self.done = state["done"]
        self.progress.steps = len(self._epoch_batches())


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _mean(states: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    """The mean of several states of a module; whole numbers are the last state's."""
    last = states[-1]
    return {
        name: torch.stack([state[name] for state in states]).mean(0) if tensor.is_floating_point() else tensor.clone()
        for name, tensor in last.items()
    }
