"""The compiler: a cell's step -> graph -> gradient -> stages -> machine code, for CPUs here, for GPUs in `gpu`."""
