"""Settings that every test shares."""

import os

import torch
from hypothesis import settings

# Tests run side by side, one process a core.
torch.set_num_threads(1)

settings.register_profile("default", deadline=None, derandomize=True, max_examples=25)
settings.register_profile("slow", deadline=None, max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
