"""From probabilities to the next symbol, and from symbol to symbol."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from unrolled.checks import at_least_0, expect, integer_or_none, is_number
from unrolled.models.generation.network import GeneratorNetwork
from unrolled.stream import Stream


@dataclass(frozen=True, slots=True)
class Choice:
    """How the next symbol is chosen.

    Args:
        temperature: logits are divided by it; below 1 makes likely symbols likelier, 0 takes the likeliest.
        top_k: only so many of the likeliest are drawn from (Fan, Lewis, Dauphin 2018); None for all.
        top_p: only the likeliest that together have at least this probability, as few as do (Holtzman et al. 2020);
            None for all. It counts after temperature and `top_k`.

    Raises:
        ValueError: a value is not what it should be; the message names the argument.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None

    def __post_init__(self) -> None:
        at_least_0("temperature", self.temperature)
        integer_or_none("top_k", self.top_k)
        p = self.top_p
        expect("top_p", p, "a number above 0 and at most 1, or None", p is None or (is_number(p) and 0 < p <= 1))

    def probabilities(self, told: Tensor) -> Tensor:
        """What is drawn from, (symbols,), float64, given the logarithms of the model's probabilities."""
        told = told.double()
        if self.temperature == 0:
            return torch.zeros_like(told).index_fill(0, told.argmax(), 1.0)
        order = torch.argsort(told, descending=True, stable=True)
        # The difference first: small temperatures would make infinities of the quotients.
        sorted_ = ((told[order] - told[order[0]]) / float(self.temperature)).softmax(0)
        if self.top_k is not None:
            sorted_[self.top_k :] = 0.0
            sorted_ /= sorted_.sum()
        if self.top_p is not None:
            before = sorted_.cumsum(0) - sorted_
            sorted_[before >= self.top_p] = 0.0
            sorted_ /= sorted_.sum()
        return torch.zeros_like(told).scatter_(0, order, sorted_)


class Writer:
    """A network that reads and writes one symbol at a time; each takes the same time, and no memory is added.

    Args:
        network: in evaluation mode; as it is now.
    """

    def __init__(self, network: GeneratorNetwork) -> None:
        self._network = network
        self._stream = Stream(network.recurrences())
        with torch.no_grad():
            self._table = network.table().detach()

    @torch.no_grad()
    def read(self, symbol: int) -> Tensor:
        """Logarithms of the probabilities of what comes after this symbol, (outputs,)."""
        output = self._stream(self._table[symbol : symbol + 1])
        return self._network.log_probabilities(output)[0]

    def write(self, prompt: Any, choice: Choice, silent: Tensor, generator: torch.Generator) -> Iterator[int]:
        """Symbols, drawn one after the other, without end.

        Args:
            prompt: symbols that are read first, at least one.
            choice: how each is chosen.
            silent: symbols that are never chosen.
            generator: of a CPU.
        """
        for symbol in prompt:
            told = self.read(int(symbol))
        while True:
            told[silent] = -torch.inf
            drawn = torch.multinomial(choice.probabilities(told.cpu()), 1, generator=generator)
            yield int(drawn)
            told = self.read(int(drawn))
