"""One script for each experiment: `cNN_name.py`, NN being its number in the field guide."""
