"""Four shapes of input and output.

A recurrent net can give an output for every input, one output for a whole sequence, a whole
sequence for one input, or first read all and then write. Each is trained here for seconds on a task
made for it.

"""

# %%
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import nn

from unrolled import Translator, cells
from unrolled.nn import Projection, Recurrent
from unrolled.tour import choose, compare, show


def train(modules, loss, steps, lr=0.01):
    optimizer = torch.optim.Adam(nn.ModuleList(modules).parameters(), lr)
    for _ in range(steps):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()


# %% [markdown]
# **Sequence to sequence**: an output for every input. The task is the sum so far.

# %%
summing = Recurrent(Projection(cells.GRU(1, 32), 1))


def sums():
    x = torch.rand(64, 20, 1) - 0.5
    return F.mse_loss(summing(x)[0], x.cumsum(1))


train([summing], sums, choose(300, 3000))
numbers = torch.rand(1, 20, 1) - 0.5
summed = summing(numbers)[0].detach()[0, :, 0]
print("mean squared error:", f"{sums().item():.1e}")

# %% [markdown]
# **Sequence to vector**: one output for a sequence. The task is to tell whether the first or the
# second half is larger.

# %%
reading, dense = Recurrent(cells.LSTM(1, 32)), nn.Linear(32, 2)


def halves(count):
    x = torch.randn(count, 10, 1)
    return x, (x[:, :5].sum((1, 2)) > x[:, 5:].sum((1, 2))).long()


def verdict(x):
    return dense(reading(x)[1][-1].h)


def confusion():
    x, y = halves(128)
    return F.cross_entropy(verdict(x), y)


train([reading, dense], confusion, choose(300, 3000))
x, y = halves(1000)
judged = verdict(x).detach()
accuracy = (judged.argmax(1) == y).float().mean().item()
compare("sequence to vector: told right", f"{accuracy:.1%}", "described only")

# %% [markdown]
# **Vector to sequence**: the vector is where the state starts. The task is to draw a wave of a
# given frequency.

# %%
start, drawing = nn.Linear(1, 48), Recurrent(Projection(cells.GRU(1, 48), 1))
clock = torch.arange(16) * 0.3


def drawn(frequency):
    state = (cells.State(h=torch.tanh(start(frequency))),)
    return drawing(torch.ones(len(frequency), 16, 1), state=state)[0][..., 0]


def misdrawn():
    frequency = torch.rand(64, 1) + 0.5
    return F.mse_loss(drawn(frequency), torch.sin(frequency * clock))


train([start, drawing], misdrawn, choose(500, 5000))
print("mean squared error:", f"{misdrawn().item():.1e}")

# %% [markdown]
# **Delayed sequence to sequence**: an encoder reads everything, then a decoder writes. The task is
# to say words backwards.

# %%
order = torch.Generator().manual_seed(0)
names = "ash bay elm fir oak yew".split()
lists = {
    tuple(torch.randint(6, (length,), generator=order).tolist())
    for length in (3, 4, 5)
    for _ in range(300)
}
pairs = [
    (" ".join(names[i] for i in row), " ".join(names[i] for i in reversed(row)))
    for row in sorted(lists)
]
backwards = Translator(
    hidden_size=64,
    embedding_size=32,
    dropout=0.1,
    vocabulary_size=60,
    batch_tokens=400,
    lr=1e-2,
    epochs=choose(15, 40),
    random_state=0,
)
backwards.fit(pairs[::2])
unseen = pairs[1::2]
answers = backwards.translate([source for source, _ in unseen])
right = sum(answer == target for answer, (_, target) in zip(answers, unseen)) / len(answers)
example = max((source for source, _ in unseen), key=lambda source: len(set(source.split())))
print(example, "->", *backwards.translate([example]))
compare("encoder-decoder: lists said backwards without a mistake", f"{right:.1%}", "described only")

# %%
figure = Figure(figsize=(9, 5.6), layout="constrained")
(one, two), (three, four) = figure.subplots(2, 2)
one.step(range(20), numbers[0, :, 0], where="mid", color="0.7", label="input")
one.plot(
    numbers[0, :, 0].cumsum(0),
    color="black",
    marker="o",
    markerfacecolor="none",
    linestyle="",
    label="sum so far",
)
one.plot(summed, color="C3", marker=".", label="output")
one.set_title("sequence to sequence", fontsize=10)
one.set_xticks(range(0, 20, 5))
one.set_xlabel("step")
one.legend(fontsize=8)
margin = (x[:, :5].sum((1, 2)) - x[:, 5:].sum((1, 2))).numpy()
two.scatter(margin, judged.softmax(1)[:, 1], s=4)
two.axvline(0, color="0.6", linewidth=0.8)
two.set_title("sequence to vector", fontsize=10)
two.set_xlabel("sum of first half - sum of second half")
two.set_ylabel("said: first is larger")
for number, frequency in enumerate((0.6, 1.0, 1.4)):
    three.plot(clock, torch.sin(frequency * clock), color="black", linewidth=0.8, linestyle=":")
    three.plot(
        clock,
        drawn(torch.tensor([[frequency]])).detach()[0],
        marker=".",
        color=f"C{number}",
        label=f"{frequency}",
    )
three.set_title("vector to sequence (dotted: the true waves)", fontsize=10)
three.set_xlabel("time")
three.legend(title="frequency", fontsize=8, title_fontsize=8)
looked = backwards.attention(example)
four.imshow(looked.weights, cmap="Blues", vmin=0, vmax=1, aspect="auto")
four.set_xticks(range(len(looked.source)), looked.source, fontsize=8)
four.set_yticks(range(len(looked.target)), looked.target, fontsize=8)
four.set_title("encoder-decoder: what each word written looked at", fontsize=10)
four.set_xlabel("read")
four.set_ylabel("written")
show(figure, "The four shapes after training, on inputs that they had not seen.")

# %% [markdown]
# ### On your own data
#
# | shape | command |
# | --- | --- |
# | sequence to vector | `unrolled classify fit sequences.csv -o model` |
# | sequence to sequence, the next values | `unrolled forecast fit series.csv -o model` |
# | delayed sequence to sequence | `unrolled translate fit source.txt target.txt -o model` |
# | vector to sequence | `unrolled.nn.Recurrent(cell)(inputs, state=made_of_your_vector)` |
