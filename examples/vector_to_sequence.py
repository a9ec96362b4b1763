"""Vector to sequence: a date as a vector of three numbers becomes its name, letter by letter, of a length of its own.

The vector makes the initial state of the decoder, which stops at each row's own end token.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unrolled import cells
from unrolled.nn import Recurrent

MONTHS = ("january", "february", "march", "april", "may", "june", "july")
MONTHS += ("august", "september", "october", "november", "december")
LETTERS = " " + "".join(sorted({letter for month in MONTHS for letter in month} | set("0123456789")))
START, END = len(LETTERS), len(LETTERS) + 1


class Namer(nn.Module):
    """A vector (batch, 3) to a sequence of letters."""

    def __init__(self, units: int = 96) -> None:
        super().__init__()
        self.start = nn.Sequential(nn.Linear(3, units), nn.Tanh(), nn.Linear(units, 2 * units))
        self.embedding = nn.Embedding(END + 1, 16)
        self.decoder = Recurrent(cells.LSTM(16, units))
        self.dense = nn.Linear(units, END + 1)

    def initial_state(self, vector: Tensor) -> tuple:
        """The LSTM's state (h, c), made of the vector instead of zeros."""
        h, c = self.start(vector).chunk(2, -1)
        return (cells.State(h=torch.tanh(h), c=c),)

    def loss(self, vector: Tensor, target: Tensor, lengths: Tensor) -> Tensor:
        """Teacher forcing: each step is fed the letter before; rows end where their name ends."""
        fed = F.pad(target[:, :-1], (1, 0), value=START)
        outputs, _ = self.decoder(self.embedding(fed), lengths, self.initial_state(vector))
        inside = torch.arange(target.shape[1]) < lengths[:, None]
        return F.cross_entropy(self.dense(outputs[inside]), target[inside])

    @torch.no_grad()
    def name(self, vector: Tensor, most: int = 20) -> list[str]:
        """The likeliest letter at each step, until each row's end token."""
        state, token = self.initial_state(vector), torch.full((len(vector),), START)
        alive, said = torch.arange(len(vector)), [""] * len(vector)
        for _ in range(most):
            output, state = self.decoder.step(self.embedding(token), state)
            token = self.dense(output)[:, : END + 1].argmax(-1)
            going = token != END
            # Rows that have ended are dropped.
            alive, token = alive[going], token[going]
            state = tuple(type(part)(*(value[going] for value in part)) for part in state)
            for row, letter in zip(alive.tolist(), token.tolist(), strict=True):
                said[row] += LETTERS[letter] if letter < START else "?"
            if not len(alive):
                break
        return said


def dates(count: int) -> tuple[Tensor, list[str]]:
    """Random days, as a day of the month and an angle of the year; and their names."""
    month, day = torch.randint(0, 12, (count,)), torch.randint(1, 29, (count,))
    angle = month * torch.pi / 6
    vectors = torch.stack([day / 14 - 1, angle.sin(), angle.cos()], 1)
    return vectors, [f"{d} {MONTHS[m]}" for m, d in zip(month.tolist(), day.tolist(), strict=True)]


def written(names: list[str]) -> tuple[Tensor, Tensor]:
    """Names as letters, ended and padded, and their lengths with the end."""
    lengths = torch.tensor([len(name) + 1 for name in names])
    target = torch.full((len(names), int(lengths.max())), END)
    for row, name in enumerate(names):
        target[row, : len(name)] = torch.tensor([LETTERS.index(letter) for letter in name])
    return target, lengths


def main() -> dict[str, object]:
    """Trains for seconds; gives some names, and the part of unseen draws that is named right."""
    torch.manual_seed(0)
    model = Namer()
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    for _ in range(400):
        vectors, names = dates(128)
        optimizer.zero_grad()
        model.loss(vectors, *written(names)).backward()
        optimizer.step()
    vectors, names = dates(200)
    said = model.name(vectors)
    right = sum(a == b for a, b in zip(said, names, strict=True)) / len(names)
    return {"said": said[:5], "wanted": names[:5], "right": right}


if __name__ == "__main__":
    for name, value in main().items():
        print(f"{name}: {value}")
