"""The training loop: it learns, repeats itself, resumes bit for bit, and notices what goes wrong."""

import os
import signal
from functools import partial

import pytest
import torch
from torch import nn

from unrolled.training import (
    Callback,
    CheckpointError,
    Checkpoints,
    Interrupted,
    Loss,
    NonFiniteLossError,
    Options,
    train,
)

X = torch.randn(60, 4, generator=torch.Generator().manual_seed(0))
Y = (X[:, 0] * X[:, 1] > 0).long()


def model(seed: int = 0) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(4, 16), nn.Dropout(0.3), nn.Tanh(), nn.Linear(16, 2))


def loss(module: nn.Module, batch: torch.Tensor) -> Loss:
    logits = module(X[batch])
    accuracy = (logits.argmax(1) == Y[batch]).float().mean()
    return Loss(nn.functional.cross_entropy(logits, Y[batch]), len(batch), {"accuracy": accuracy})


def batches(generator: torch.Generator) -> list[torch.Tensor]:
    return list(torch.randperm(60, generator=generator).split(16))


def validate(module: nn.Module) -> dict[str, float]:
    return {"validation_loss": nn.functional.cross_entropy(module(X), Y).item()}


def run(module: nn.Module, options: Options, **others):
    return train(module, loss, batches, options, seed=3, validate=validate, **others)


class StopAt(Callback):
    """Sends this process a signal in the middle of an epoch."""

    def __init__(self, epoch: int, step: int, number: int = signal.SIGTERM) -> None:
        self.at, self.number = (epoch, step), number

    def on_step(self, module, progress) -> None:
        if (progress.epoch, progress.step) == self.at:
            os.kill(os.getpid(), self.number)


def same(a: nn.Module, b: nn.Module) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
@pytest.mark.parametrize("schedule", ["constant", "linear", "cosine", "one-cycle"])
def test_the_loss_falls(optimizer: str, schedule: str) -> None:
    history = run(model(), Options(epochs=30, lr=0.02, optimizer=optimizer, schedule=schedule, warmup=0.1))
    assert history[-1]["validation_loss"] < 0.9 * history[0]["validation_loss"]
    assert {"epoch", "loss", "accuracy", "lr", "grad_norm", "seconds", "rate", "validation_loss"} <= set(history[0])


def test_the_same_seed_gives_the_same_parameters_and_leaves_the_callers_random_state() -> None:
    before = torch.get_rng_state()
    a, b = model(), model()
    run(a, Options(epochs=3))
    torch.rand(7)
    run(b, Options(epochs=3))
    assert same(a, b)
    torch.set_rng_state(before)
    c = model()
    run(c, Options(epochs=3))
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(("epoch", "step"), [(0, 1), (1, 4), (2, 2)])
def test_a_stopped_run_resumes_bit_for_bit(tmp_path, epoch: int, step: int) -> None:
    options = Options(epochs=5, lr=0.05, schedule="cosine", warmup=0.2, patience=2, optimizer="adamw")
    whole = model()
    history = run(whole, options)
    stopped = model()
    folder = Checkpoints(tmp_path, {"a": 1})
    with pytest.raises(Interrupted, match="resumes"):
        run(stopped, options, checkpoints=folder, callbacks=[StopAt(epoch, step)])
    folder.close()
    resumed, folder = model(seed=99), Checkpoints(tmp_path, {"a": 1})
    again = run(resumed, options, checkpoints=folder, resume=True)
    folder.close()
    assert same(whole, resumed)
    clean = [{k: v for k, v in entry.items() if k not in ("seconds", "rate")} for entry in history]
    assert clean == [{k: v for k, v in entry.items() if k not in ("seconds", "rate")} for entry in again]


def test_early_stopping_goes_back_to_the_best() -> None:
    trained = model()
    history = run(trained, Options(epochs=200, lr=0.5, schedule="constant", patience=3))
    losses = [entry["validation_loss"] for entry in history]
    assert len(history) < 200
    assert losses.index(min(losses)) == len(losses) - 4
    assert validate(trained.eval())["validation_loss"] == pytest.approx(min(losses), abs=1e-6)


def test_a_loss_that_is_not_finite_is_named() -> None:
    def bad(module: nn.Module, batch: torch.Tensor, seen: list[int]) -> Loss:
        seen.append(1)
        good = loss(module, batch)
        return Loss(good.mean * (float("nan") if len(seen) == 6 else 1), good.count, {})

    with pytest.raises(NonFiniteLossError, match="epoch 2, step 2"):
        train(model(), partial(bad, seen=[]), batches, Options(epochs=3), seed=0)


def test_gradients_are_clipped() -> None:
    class Norms(Callback):
        def __init__(self) -> None:
            self.seen: list[float] = []

        def on_step(self, module, progress) -> None:
            self.seen.append(float(torch.cat([p.grad.flatten() for p in module.parameters()]).norm()))

    norms = Norms()
    run(model(), Options(epochs=2, clip_norm=1e-3), callbacks=[norms])
    assert max(norms.seen) == pytest.approx(1e-3, rel=1e-2)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0),
        ("epochs", 2.5),
        ("lr", 0.0),
        ("lr", float("nan")),
        ("optimizer", "adma"),
        ("weight_decay", -1),
        ("clip_norm", 0),
        ("schedule", "cosin"),
        ("warmup", 1.0),
        ("patience", 0),
    ],
)
def test_bad_options_are_named(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"^{name}: expected .* found "):
        Options(**{name: value})


TENSORS = {"a": torch.arange(6.0), "b": torch.tensor([1, 2], dtype=torch.uint8)}


class TestCheckpoints:
    def test_the_newest_come_back_and_old_ones_go(self, tmp_path) -> None:
        folder = Checkpoints(tmp_path, {"x": 1}, keep=2)
        for step in range(4):
            folder.save(step, TENSORS, {"step": step})
        tensors, state = folder.newest()
        assert state == {"step": 3}
        assert all(torch.equal(tensors[name], value) for name, value in TENSORS.items())
        assert sorted(p.name for p in tmp_path.iterdir() if p.is_dir()) == ["step-000000002", "step-000000003"]
        folder.close()

    @pytest.mark.parametrize("name", ["tensors.safetensors", "state.json"])
    @pytest.mark.parametrize("harm", ["truncate", "flip", "remove", "empty"])
    def test_a_damaged_one_falls_back_to_the_one_before(self, tmp_path, name: str, harm: str) -> None:
        folder = Checkpoints(tmp_path, {})
        for step in (1, 2):
            folder.save(step, TENSORS, {"step": step})
        path = tmp_path / "step-000000002" / name
        content = path.read_bytes()
        if harm == "remove":
            path.unlink()
        else:
            middle = len(content) // 2
            flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
            path.write_bytes({"truncate": content[:-1], "flip": flipped, "empty": b""}[harm])
        with pytest.warns(UserWarning, match="going back"):
            assert folder.newest()[1] == {"step": 1}
        folder.close()

    def test_a_second_run_in_the_folder_is_refused(self, tmp_path) -> None:
        folder = Checkpoints(tmp_path, {})
        with pytest.raises(CheckpointError, match="another run"):
            Checkpoints(tmp_path, {})
        folder.close()
        Checkpoints(tmp_path, {}).close()

    def test_another_runs_checkpoint_is_refused(self, tmp_path) -> None:
        folder = Checkpoints(tmp_path, {"lr": 1})
        folder.save(1, TENSORS, {})
        folder.close()
        folder = Checkpoints(tmp_path, {"lr": 2})
        with pytest.raises(CheckpointError, match="other settings: lr"):
            folder.newest()
        folder.close()

    def test_a_failed_save_leaves_the_earlier_one(self, tmp_path, monkeypatch) -> None:
        folder = Checkpoints(tmp_path, {})
        folder.save(1, TENSORS, {"step": 1})

        def full(handle: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            folder.save(2, TENSORS, {"step": 2})
        monkeypatch.undo()
        assert folder.newest()[1] == {"step": 1}
        assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".step")] == []
        folder.close()


def test_the_last_epochs_are_averaged() -> None:
    class Keep(Callback):
        seen: list

        def __init__(self) -> None:
            self.seen = []

        def on_epoch(self, module, progress) -> None:
            self.seen.append({name: value.clone() for name, value in module.state_dict().items()})

    module, keep = model(), Keep()
    run(module, Options(epochs=4, average=3), callbacks=[keep])
    for name, value in module.state_dict().items():
        torch.testing.assert_close(value, torch.stack([state[name] for state in keep.seen[1:]]).mean(0))


def test_averages_resume_bit_for_bit(tmp_path) -> None:
    whole = model()
    run(whole, Options(epochs=4, average=3))
    stopped = model()
    folder = Checkpoints(tmp_path, {})
    with pytest.raises(Interrupted):
        run(stopped, Options(epochs=4, average=3), callbacks=[StopAt(2, 1)], checkpoints=folder)
    again = model(1)
    run(again, Options(epochs=4, average=3), checkpoints=folder, resume=True)
    folder.close()
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in whole.state_dict().items())


def test_a_metric_that_is_better_when_higher() -> None:
    values = iter([1.0, 3.0, 2.0, 2.5, 0.0])
    history = train(
        model(),
        loss,
        batches,
        Options(epochs=5, patience=2, monitor="-validation_score"),
        seed=3,
        validate=lambda module: {"validation_score": next(values)},
    )
    assert len(history) == 4


def test_epochs_of_different_steps_resume_bit_for_bit(tmp_path) -> None:
    def uneven(generator: torch.Generator) -> list[torch.Tensor]:
        size = int(torch.randint(5, 40, (), generator=generator))
        return list(torch.randperm(60, generator=generator).split(size))

    class Told(Callback):
        """What a callback may go by, such as scheduled sampling."""

        def __init__(self) -> None:
            self.seen = []

        def on_start(self, module, progress) -> None:
            self.seen.append((progress.epoch, progress.step, progress.steps))

        on_step = on_start

    whole, told = model(), Told()
    train(whole, loss, uneven, Options(epochs=6), seed=3, callbacks=[told])
    for at in range(1, len(told.seen) - 1):
        folder = Checkpoints(tmp_path / str(at), {}, keep=1, minutes=0)
        stopped, resumed = model(), model(1)
        with pytest.raises(Interrupted):
            train(
                stopped,
                loss,
                uneven,
                Options(epochs=6),
                seed=3,
                checkpoints=folder,
                callbacks=[StopAt(*told.seen[at][:2])],
            )
        again = Told()
        train(resumed, loss, uneven, Options(epochs=6), seed=3, checkpoints=folder, callbacks=[again], resume=True)
        folder.close()
        assert same(whole, resumed)
        assert again.seen[0] == told.seen[at]
