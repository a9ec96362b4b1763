"""unrolled.nn's RNN, LSTM and GRU are torch.nn's, to rounding."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pack_sequence, pad_packed_sequence

import unrolled
from unrolled import nn

VARIANTS: list[tuple[str, dict[str, Any]]] = [
    ("RNN", {}),
    ("RNN", {"nonlinearity": "relu", "num_layers": 2, "bidirectional": True}),
    ("LSTM", {}),
    ("LSTM", {"bias": False, "batch_first": True}),
    ("LSTM", {"num_layers": 2, "bidirectional": True, "dropout": 0.5}),
    ("LSTM", {"num_layers": 2, "bidirectional": True, "proj_size": 3}),
    ("GRU", {}),
    ("GRU", {"num_layers": 3, "batch_first": True}),
    ("GRU", {"bidirectional": True, "bias": False}),
]


def pair(kind: str, options: dict[str, Any]) -> tuple[Any, Any]:
    made = []
    for module in (torch.nn, nn):
        torch.manual_seed(0)
        made.append(getattr(module, kind)(4, 5, dtype=torch.float64, **options).eval())
    return made[0], made[1]


def flat(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, PackedSequence):
        return [
            value.data,
            value.batch_sizes,
            *(t for t in (value.sorted_indices, value.unsorted_indices) if t is not None),
        ]
    return [tensor for part in value for tensor in flat(part)]


def assert_same(found: Any, expected: Any) -> None:
    for one, other in zip(flat(found), flat(expected), strict=True):
        torch.testing.assert_close(one, other)


def initial(layer: Any, rows: int | None) -> Any:
    count = layer.num_layers * (2 if layer.bidirectional else 1)
    sizes = [layer.proj_size or layer.hidden_size] + ([layer.hidden_size] if "LSTM" in type(layer).__name__ else [])
    shapes = [(count, size) if rows is None else (count, rows, size) for size in sizes]
    states = tuple(
        torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(9)) for shape in shapes
    )
    return states if len(states) > 1 else states[0]


@pytest.mark.parametrize(("kind", "options"), VARIANTS)
class TestDropIn:
    def test_parameters_are_the_same_from_the_same_seed_and_load_both_ways(self, kind: str, options: dict) -> None:
        theirs, ours = pair(kind, options)
        assert list(theirs.state_dict()) == list(ours.state_dict())
        assert_same(list(ours.state_dict().values()), list(theirs.state_dict().values()))
        ours.load_state_dict(theirs.state_dict())
        theirs.load_state_dict(ours.state_dict())

    @pytest.mark.parametrize("given", [False, True])
    def test_padded_input(self, kind: str, options: dict, given: bool) -> None:
        theirs, ours = pair(kind, options)
        x = torch.randn(6, 3, 4, dtype=torch.float64)
        rows = 6 if options.get("batch_first") else 3
        results = []
        for layer in (theirs, ours):
            own = x.clone().requires_grad_()
            outputs, end = layer(own, initial(theirs, rows) if given else None)
            loss = outputs.sin().sum() + sum(state.cos().sum() for state in flat(end))
            results.append([outputs, end, *torch.autograd.grad(loss, [own, *layer.parameters()])])
        assert_same(results[1], results[0])

    @pytest.mark.parametrize("given", [False, True])
    def test_unbatched_input(self, kind: str, options: dict, given: bool) -> None:
        theirs, ours = pair(kind, options)
        x, state = torch.randn(6, 4, dtype=torch.float64), initial(theirs, None) if given else None
        assert_same(ours(x, state), theirs(x, state))

    @pytest.mark.parametrize("enforce_sorted", [False, True])
    @pytest.mark.parametrize("given", [False, True])
    def test_packed_input(self, kind: str, options: dict, enforce_sorted: bool, given: bool) -> None:
        theirs, ours = pair(kind, options)
        lengths = [6, 4, 4, 1] if enforce_sorted else [4, 1, 6, 4]
        sequences = [torch.randn(n, 4, dtype=torch.float64) for n in lengths]
        packed = pack_sequence(sequences, enforce_sorted=enforce_sorted)
        state = initial(theirs, 4) if given else None
        assert_same(ours(packed, state), theirs(packed, state))

    def test_lengths_are_packing(self, kind: str, options: dict) -> None:
        theirs, ours = pair(kind, options)
        x, lengths = torch.randn(4, 6, 4, dtype=torch.float64), torch.tensor([6, 1, 3, 5])
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        outputs, end = theirs(packed)
        expected, _ = pad_packed_sequence(outputs, batch_first=True, total_length=6)
        batch_first = options.get("batch_first", False)
        found, found_end = ours(x if batch_first else x.transpose(0, 1), lengths=lengths)
        assert_same([found if batch_first else found.transpose(0, 1), found_end], [expected, end])

    def test_copies_and_functional_calls(self, kind: str, options: dict) -> None:
        _, ours = pair(kind, options)
        x = torch.randn(6, 3, 4, dtype=torch.float64)
        expected, _ = ours(x)
        for other in (copy.deepcopy(ours), pickle.loads(pickle.dumps(ours))):
            assert torch.equal(other(x)[0], expected)
        doubled = {name: value * 2 for name, value in ours.named_parameters()}
        changed, _ = torch.func.functional_call(ours, doubled, (x,))
        assert not torch.allclose(changed, expected)
        assert torch.equal(ours(x)[0], expected)

    def test_compiled_without_breaks(self, kind: str, options: dict) -> None:
        torch._dynamo.reset()
        _, ours = pair(kind, options)
        x = torch.randn(3, 2, 4, dtype=torch.float64)
        compiled = torch.compile(ours, fullgraph=True, backend="aot_eager")
        assert_same(compiled(x), ours(x))

    def test_an_optimiser_trains_it(self, kind: str, options: dict) -> None:
        _, ours = pair(kind, options)
        ours.train()
        x = torch.randn(6, 3, 4, dtype=torch.float64)
        optimizer = torch.optim.Adam(ours.parameters(), 0.02)
        losses = []
        for _ in range(25):
            optimizer.zero_grad()
            loss = (ours(x)[0] - 0.3).square().mean()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        assert losses[-1] < 0.7 * losses[0]


def test_dropout_between_layers_is_random_in_training_and_off_in_evaluation() -> None:
    layer = nn.LSTM(4, 50, num_layers=2, dropout=0.5)
    x = torch.randn(6, 3, 4)
    assert not torch.equal(layer(x)[0], layer(x)[0])
    layer.eval()
    assert torch.equal(layer(x)[0], layer(x)[0])


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: nn.LSTM(4, 5)(torch.randn(2, 3, 4, 1)), "input: expected 2 or 3 dimensions"),
        (lambda: nn.LSTM(4, 5)(torch.randn(2, 3, 7)), "expected 4 features"),
        (lambda: nn.LSTM(4, 5)(torch.randn(2, 3, 4), torch.zeros(1, 3, 5)), "hx: expected 2 tensors"),
        (lambda: nn.GRU(4, 5)(torch.randn(2, 3, 4), torch.zeros(2, 3, 5)), "hx: expected h of shape"),
        (lambda: nn.GRU(4, 5)(torch.randn(2, 4), lengths=torch.tensor([2])), "lengths: expected None for unbatched"),
        (
            lambda: nn.GRU(4, 5)(pack_sequence([torch.randn(2, 4)]), lengths=torch.tensor([2])),
            "lengths: expected None for packed",
        ),
        (lambda: nn.RNN(4, 5, nonlinearity="sine"), "nonlinearity"),
    ],
)
def test_bad_input_is_named(call: Any, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        call()


class Model(torch.nn.Module):
    """Layers in several places, one of them shared."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = torch.nn.ModuleDict({"rnn": torch.nn.LSTM(4, 5, batch_first=True)})
        self.decoder = torch.nn.GRU(5, 5, batch_first=True)
        self.again = self.decoder

    def forward(self, x: Tensor) -> Tensor:
        return self.again(self.decoder(self.encoder["rnn"](x)[0])[0])[0]


class TestAccelerate:
    def test_layers_are_swapped_in_place_and_named(self) -> None:
        model = Model()
        x = torch.randn(3, 6, 4)
        before, parameters = model(x), list(model.parameters())
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        calls = []
        model.decoder.register_forward_hook(lambda *_: calls.append(1))
        swapped = unrolled.accelerate(model)
        assert swapped == {
            "encoder.rnn": "torch.nn.LSTM -> unrolled.nn.LSTM",
            "decoder": "torch.nn.GRU -> unrolled.nn.GRU",
        }
        assert type(model.encoder["rnn"]) is nn.LSTM
        assert model.again is model.decoder
        assert all(a is b for a, b in zip(parameters, model.parameters(), strict=True))
        torch.testing.assert_close(model(x), before)
        assert len(calls) == 2
        model(x).sum().backward()
        optimizer.step()
        assert not torch.allclose(model(x), before)

    def test_the_model_may_be_a_layer(self) -> None:
        layer = torch.nn.RNN(4, 5, nonlinearity="relu")
        x = torch.randn(6, 3, 4)
        before = layer(x)
        assert unrolled.accelerate(layer) == {"": "torch.nn.RNN -> unrolled.nn.RNN"}
        assert_same(layer(x), before)

    def test_subclasses_are_left_alone(self) -> None:
        class Other(torch.nn.LSTM):
            pass

        assert unrolled.accelerate(torch.nn.Sequential(Other(4, 5), torch.nn.Linear(2, 2))) == {}

    def test_what_is_no_module_is_refused(self) -> None:
        with pytest.raises(TypeError, match=r"model: expected a torch\.nn\.Module"):
            unrolled.accelerate([torch.nn.LSTM(4, 5)])
