"""The compiler: a cell's step -> graph -> gradient -> stages -> machine code."""
