"""Three layers of 100 units on 5 steps of 2 inputs, and the state after every step."""

import torch

import unrolled
from unrolled import cells, nn


def main() -> dict[str, object]:
    """Gives shapes, and the states of the first layer step by step."""
    torch.manual_seed(0)
    inputs = torch.randn(2, 5, 2)
    layers = nn.Recurrent([cells.RNN(2, 100), cells.RNN(100, 100), cells.RNN(100, 100)])
    outputs, state = layers(inputs)
    states = unrolled.static_unroll(layers.layers[0], inputs)
    return {
        "outputs": tuple(outputs.shape),
        "states": [tuple(layer.h.shape) for layer in state],
        "different weights": not torch.equal(layers.layers[1].weight_ih, layers.layers[2].weight_ih),
        "steps of the first layer": len(states),
        "last step is the final state": torch.allclose(states[-1].h, state[0].h, atol=1e-6),
    }


if __name__ == "__main__":
    for name, value in main().items():
        print(f"{name}: {value}")
