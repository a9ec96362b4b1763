"""`accelerate`: an existing model's torch.nn layers become unrolled's."""

from __future__ import annotations

import torch
from torch import nn

from unrolled.nn.drop_in import GRU, LSTM, RNN

_COUNTERPARTS: dict[type, type] = {torch.nn.RNN: RNN, torch.nn.LSTM: LSTM, torch.nn.GRU: GRU}


def accelerate(model: nn.Module) -> dict[str, str]:
    """Swaps every torch.nn.RNN, LSTM and GRU inside a model for its counterpart of `unrolled.nn`, in place.

    The layers keep their identity: parameters, optimisers that hold them, hooks and the state_dict stay as they
    are; `isinstance(layer, torch.nn.LSTM)` is no longer true. Subclasses of torch.nn's layers are left alone,
    since they may compute something else.

    Args:
        model: any module, which may itself be such a layer.

    Returns:
        What was swapped: for the name of every layer ("" for the model itself), a line that says what it was and is.

    Raises:
        TypeError: the model is not a torch module.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model: expected a torch.nn.Module, found {type(model).__name__}")
    swapped = {}
    for name, module in model.named_modules():
        counterpart = _COUNTERPARTS.get(type(module))
        if counterpart is not None:
            swapped[name] = f"torch.nn.{type(module).__name__} -> unrolled.nn.{counterpart.__name__}"
            # Changing the class keeps everything that refers to the layer.
            module.__class__ = counterpart
            module.make_cells()
    return swapped
