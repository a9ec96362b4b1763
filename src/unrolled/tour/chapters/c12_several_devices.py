"""A net over several devices.

A net that is too large or too slow for one device can be cut in two ways. Its layers can live on
different devices, and tensors travel between them. Or every device has all layers and its own share
of the data.

"""

# %%
import torch

from unrolled import cells, nn
from unrolled.tour import compare

found = [f"cuda:{number}" for number in range(torch.cuda.device_count())] or ["cpu"]
print("devices for layers here:", ", ".join(found))

layers = [cells.LSTM(8, 32), cells.LSTM(32, 32), cells.LSTM(32, 32)]
whole = nn.Recurrent(layers)
inputs = torch.randn(4, 20, 8)
together, _ = whole(inputs)

placed = nn.Recurrent(
    [nn.On(layer, found[number % len(found)]) for number, layer in enumerate(layers)]
)
apart, state = placed(inputs)
for number, layer in enumerate(placed.layers, start=1):
    print(f"layer {number} is on {layer.device}")
difference = (apart.cpu() - together).abs().max().item()
compare(
    "layers placed one by one and all together differ by",
    f"{difference:.1e}",
    'none: "to do" in the guide',
)

# %% [markdown]
# `On` brings a layer's inputs to its device and leaves its outputs there; gradients go back the
# same way.

# %%
apart.sum().backward()
print("gradients reach the first layer:", layers[0].weight_hh.grad.abs().sum().item() > 0)

# %% [markdown]
# ### On your own data
#
# A model of your own, its layers over two GPUs:
#
# ```python
# nn.Recurrent([nn.On(cells.LSTM(8, 512), "cuda:0"), nn.On(cells.LSTM(512, 512), "cuda:1")])
# ```
#
# All of the net in several processes, each with its share of the data, on one machine or many:
#
# ```sh
# torchrun --nproc-per-node 2 --no-python unrolled embed fit text8 -o vectors
# ```
