"""The four shapes of input and output, each trained for seconds on a task of its own."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unrolled import cells
from unrolled.nn import Projection, Recurrent


def trained(module: nn.Module, loss: Callable[[], Tensor], steps: int, lr: float = 0.01) -> float:
    """Minimises the loss; gives the last one."""
    optimizer = torch.optim.Adam(module.parameters(), lr)
    for _ in range(steps):
        optimizer.zero_grad()
        value = loss()
        value.backward()
        optimizer.step()
    return value.item()


def sequence_to_sequence() -> float:
    """A running sum: an output for every input. Gives the mean squared error."""
    model = Recurrent(Projection(cells.GRU(1, 32), 1))

    def loss() -> Tensor:
        x = torch.rand(64, 12, 1) - 0.5
        return F.mse_loss(model(x)[0], x.cumsum(1))

    return trained(model, loss, 300)


def sequence_to_vector() -> float:
    """Which of two halves has the larger sum: one output for a sequence. Gives the accuracy."""
    recurrent, dense = Recurrent(cells.LSTM(1, 32)), nn.Linear(32, 2)
    model = nn.ModuleList([recurrent, dense])

    def logits(x: Tensor) -> Tensor:
        _, state = recurrent(x)
        return dense(state[-1].h)

    def batch() -> tuple[Tensor, Tensor]:
        x = torch.randn(128, 10, 1)
        return x, (x[:, :5].sum((1, 2)) > x[:, 5:].sum((1, 2))).long()

    def loss() -> Tensor:
        x, y = batch()
        return F.cross_entropy(logits(x), y)

    trained(model, loss, 400)
    x, y = batch()
    return (logits(x).argmax(1) == y).float().mean().item()


def vector_to_sequence() -> float:
    """A frequency becomes a wave: the vector is the initial state. Gives the mean squared error."""
    start, recurrent = nn.Linear(1, 48), Recurrent(Projection(cells.GRU(1, 48), 1))
    model = nn.ModuleList([start, recurrent])
    time = torch.arange(16) * 0.3

    def loss() -> Tensor:
        frequency = torch.rand(64, 1) + 0.5
        state = (cells.State(h=torch.tanh(start(frequency))),)
        wave, _ = recurrent(torch.ones(64, 16, 1), state=state)
        return F.mse_loss(wave[..., 0], torch.sin(frequency * time))

    return trained(model, loss, 500)


EOS, START = 10, 11


class Reverser(nn.Module):
    """Encoder-decoder that says a list of digits backwards, and then stops."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(12, 24)
        self.encoder = Recurrent(cells.GRU(24, 96))
        self.decoder = Recurrent(cells.GRU(24, 96))
        self.dense = nn.Linear(96, 11)

    def forward(self, source: Tensor, lengths: Tensor, target: Tensor) -> Tensor:
        """Logits under teacher forcing: the decoder is fed the target pushed back by one step."""
        _, state = self.encoder(self.embedding(source), lengths)
        pushed = torch.cat([torch.full_like(target[:, :1], START), target[:, :-1]], 1)
        outputs, _ = self.decoder(self.embedding(pushed), state=state)
        return self.dense(outputs)

    @torch.no_grad()
    def decode(self, source: Tensor, lengths: Tensor, most: int = 20) -> list[list[int]]:
        """Decodes greedily; each row stops at its own end-of-sequence token."""
        _, state = self.encoder(self.embedding(source), lengths)
        token = torch.full((len(source),), START)
        said: list[list[int]] = [[] for _ in source]
        going = torch.ones(len(source), dtype=torch.bool)
        for _ in range(most):
            output, state = self.decoder.step(self.embedding(token), state)
            token = self.dense(output).argmax(1)
            going &= token != EOS
            if not going.any():
                break
            for row in going.nonzero()[:, 0].tolist():
                said[row].append(int(token[row]))
        return said


def delayed_sequence_to_sequence() -> float:
    """Lists of 1 to 4 digits, backwards, of another length each. Gives the part that is wholly right."""
    model = Reverser()

    def batch(rows: int) -> tuple[Tensor, Tensor, Tensor]:
        lengths = torch.randint(1, 5, (rows,))
        source, target = torch.randint(0, 10, (rows, 4)), torch.full((rows, 5), EOS)
        for row, length in enumerate(lengths.tolist()):
            target[row, :length] = source[row, :length].flip(0)
        return source, lengths, target

    def loss() -> Tensor:
        source, lengths, target = batch(128)
        logits = model(source, lengths, target)
        inside = torch.arange(5) <= lengths[:, None]
        return F.cross_entropy(logits[inside], target[inside])

    trained(model, loss, 350, lr=0.005)
    source, lengths, _ = batch(100)
    said = model.decode(source, lengths)
    wanted = [row[:n].flip(0).tolist() for row, n in zip(source, lengths.tolist(), strict=True)]
    return sum(a == b for a, b in zip(said, wanted, strict=True)) / len(wanted)


def main() -> dict[str, float]:
    """Gives the result of each of the four."""
    torch.manual_seed(0)
    return {
        "sequence to sequence, mean squared error": sequence_to_sequence(),
        "sequence to vector, accuracy": sequence_to_vector(),
        "vector to sequence, mean squared error": vector_to_sequence(),
        "encoder-decoder, wholly right": delayed_sequence_to_sequence(),
    }


if __name__ == "__main__":
    for name, value in main().items():
        print(f"{name}: {value:.4f}")
