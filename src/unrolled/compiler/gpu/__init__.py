"""The compiler's second back end: loops over the units -> Triton -> kernels for GPUs."""
