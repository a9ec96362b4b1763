"""torch.nn's RNN, LSTM and GRU by name: the same constructor, parameters and results, run by `unrolled.unroll`."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from unrolled import cells
from unrolled.cells.cell import Cell
from unrolled.cells.rnn import NONLINEARITIES
from unrolled.checks import MOST_LAYERS, check_device, expect, instance, integer, is_number, one_of, truth
from unrolled.unroll import unroll


class _DropIn(torch.nn.RNNBase):
    """The forward pass that the three layers share; the parameters are torch.nn's.

    They are no subclasses of torch.nn.LSTM and so on, which torch.compile refuses to look into.
    """

    _cells: list[list[Cell]]

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int,
        bias: bool,
        batch_first: bool,
        dropout: float,
        bidirectional: bool,
        *,
        proj_size: int = 0,
        device: Any,
        dtype: torch.dtype | None,
    ) -> None:
        sizes = integer("input_size", input_size), integer("hidden_size", hidden_size)
        layers = integer("num_layers", num_layers, most=MOST_LAYERS)
        for name, value in (("bias", bias), ("batch_first", batch_first), ("bidirectional", bidirectional)):
            truth(name, value)
        expect("dropout", dropout, "a number from 0 to 1", is_number(dropout) and 0 <= dropout <= 1)
        projected = integer("proj_size", proj_size, least=0)
        check_device(device)
        super().__init__(
            mode,
            *sizes,
            layers,
            bool(bias),
            bool(batch_first),
            float(dropout),
            bool(bidirectional),
            projected,
            device,
            dtype,
        )
        self.make_cells()

    def make_cells(self) -> None:
        """Makes a cell for every layer and direction, and lends it the layer's parameters."""
        directions = 2 if self.bidirectional else 1
        width = directions * (self.proj_size or self.hidden_size)
        sizes = [self.input_size] + [width] * (self.num_layers - 1)
        # A plain list, so that the cells are no submodules and the state_dict stays torch.nn's.
        self._cells = [[self._cell(size) for _ in range(directions)] for size in sizes]
        for layer in range(self.num_layers):
            for direction in range(directions):
                self._bound(layer, direction)

    def _cell(self, input_size: int) -> Cell:
        raise NotImplementedError

    def _bound(self, layer: int, direction: int) -> Cell:
        suffix = f"_l{layer}" + ("_reverse" if direction else "")
        cell = self._cells[layer][direction]
        lent = cell._parameters
        for name in lent:
            # Under torch.func.functional_call and the like the layer's own may have been exchanged.
            parameter = getattr(self, name + suffix, None)
            if lent[name] is not parameter:
                lent[name] = parameter
        return cell if cell.training == self.training else cell.train(self.training)

    @property
    def layers(self) -> list[Cell]:
        """The forward direction's cells, one a layer, with the layer's parameters."""
        return [self._bound(number, 0) for number in range(self.num_layers)]

    def forward(self, input: Any, hx: Any = None, *, lengths: Tensor | None = None) -> tuple[Any, Any]:
        """All steps, as torch.nn's layer of the same name, with lengths in place of packing if wanted.

        Args:
            input: (time, batch, input_size), (batch, time, input_size) if batch_first, (time, input_size)
                unbatched, or a PackedSequence.
            hx: the initial state, h_0 or (h_0, c_0), each (layers * directions, batch, units), without the batch
                dimension if the input is unbatched; zeros if None.
            lengths: (batch,) integers for padded input; see `unrolled.unroll`.

        Returns:
            Outputs in the layout of the input (packed for packed), and h_n or (h_n, c_n).

        Raises:
            ValueError: an argument has the wrong shape, or lengths come with packed or unbatched input.
        """
        if isinstance(input, PackedSequence):
            return self._forward_packed(input, hx, lengths)
        instance("input", input, Tensor, "a tensor or a PackedSequence")
        if input.dim() == 2:
            if lengths is not None:
                raise ValueError("lengths: expected None for unbatched input, found a tensor")
            batched = None if hx is None else _each(hx, lambda value: value.unsqueeze(1))
            outputs, after = self._layers(input.unsqueeze(1), None, batched)
            return outputs.squeeze(1), _each(after, lambda value: value.squeeze(1))
        if input.dim() != 3:
            raise ValueError(f"input: expected 2 or 3 dimensions, found shape {tuple(input.shape)}")
        outputs, after = self._layers(input.transpose(0, 1) if self.batch_first else input, lengths, hx)
        return outputs.transpose(0, 1) if self.batch_first else outputs, after

    def _forward_packed(self, input: PackedSequence, hx: Any, lengths: Tensor | None) -> tuple[PackedSequence, Any]:
        if lengths is not None:
            raise ValueError("lengths: expected None for packed input, which has its own, found a tensor")
        padded, lengths = pad_packed_sequence(input)
        outputs, after = self._layers(padded, lengths, hx)
        if input.sorted_indices is not None:
            outputs = outputs.index_select(1, input.sorted_indices)
            lengths = lengths[input.sorted_indices.cpu()]
        data = pack_padded_sequence(outputs, lengths).data
        return PackedSequence(data, input.batch_sizes, input.sorted_indices, input.unsorted_indices), after

    def _layers(self, values: Tensor, lengths: Tensor | None, hx: Any) -> tuple[Tensor, Any]:
        starts = self._initial(hx, values.shape[1])
        after: list[Any] = []
        for layer, directions in enumerate(self._cells):
            if layer and self.dropout:
                values = F.dropout(values, self.dropout, self.training)
            outputs = []
            for direction in range(len(directions)):
                start = None if starts is None else [value[len(after)] for value in starts]
                output, end = unroll(
                    self._bound(layer, direction), values, lengths, start, time_major=True, reverse=direction == 1
                )
                outputs.append(output)
                after.append(end)
            values = outputs[0] if len(outputs) == 1 else torch.cat(outputs, -1)
        only = len(after) == 1
        ends = tuple(state[0].unsqueeze(0) if only else torch.stack(state) for state in zip(*after, strict=True))
        return values, ends if len(ends) > 1 else ends[0]

    def _initial(self, hx: Any, rows: int) -> tuple[Tensor, ...] | None:
        if hx is None:
            return None
        given = (hx,) if isinstance(hx, Tensor) else tuple(hx) if isinstance(hx, (tuple, list)) else ()
        for value in given:
            instance("hx", value, Tensor, "tensors")
        sizes = self._cells[0][0].state_sizes
        if len(given) != len(sizes):
            raise ValueError(f"hx: expected {len(sizes)} tensors ({', '.join(sizes)}), found {len(given)}")
        count = sum(len(directions) for directions in self._cells)
        for (name, size), value in zip(sizes.items(), given, strict=True):
            if tuple(value.shape) != (count, rows, size):
                raise ValueError(f"hx: expected {name} of shape {(count, rows, size)}, found {tuple(value.shape)}")
        return given


def _each(state: Any, function: Any) -> Any:
    return function(state) if isinstance(state, Tensor) else tuple(function(value) for value in state)


class RNN(_DropIn):
    """torch.nn.RNN, with `lengths=` in its forward pass.

    Args: those of torch.nn.RNN.

    Raises:
        ValueError: the nonlinearity is neither "tanh" nor "relu", or as torch.nn.RNN.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        one_of("nonlinearity", nonlinearity, sorted(NONLINEARITIES))
        self.nonlinearity = nonlinearity
        mode, sizes = f"RNN_{nonlinearity.upper()}", (input_size, hidden_size, num_layers)
        super().__init__(mode, *sizes, bias, batch_first, dropout, bidirectional, device=device, dtype=dtype)

    def _cell(self, input_size: int) -> Cell:
        return cells.RNN(input_size, self.hidden_size, nonlinearity=self.nonlinearity, bias=self.bias, device="meta")


class LSTM(_DropIn):
    """torch.nn.LSTM, with `lengths=` in its forward pass.

    Args: those of torch.nn.LSTM.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        sizes = (input_size, hidden_size, num_layers)
        rest: dict[str, Any] = {"proj_size": proj_size, "device": device, "dtype": dtype}
        super().__init__("LSTM", *sizes, bias, batch_first, dropout, bidirectional, **rest)

    def _cell(self, input_size: int) -> Cell:
        if self.proj_size:
            sizes = (input_size, self.hidden_size)
            return cells.ProjectedLSTM(*sizes, proj_size=self.proj_size, bias=self.bias, device="meta")
        return cells.LSTM(input_size, self.hidden_size, bias=self.bias, device="meta")


class GRU(_DropIn):
    """torch.nn.GRU, with `lengths=` in its forward pass.

    Args: those of torch.nn.GRU.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        sizes = (input_size, hidden_size, num_layers)
        super().__init__("GRU", *sizes, bias, batch_first, dropout, bidirectional, device=device, dtype=dtype)

    def _cell(self, input_size: int) -> Cell:
        return cells.GRU(input_size, self.hidden_size, bias=self.bias, device="meta")
