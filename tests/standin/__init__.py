"""A stand-in for a CUDA device: tensors that say they are on one, in the CPU's memory, computed by the CPU.

What the host does for a GPU can so be tested without one: which device each tensor is on, what is launched in which
order, what a CUDA graph records and replays, whether anything waits for the device, and, since the memory of every
tensor ends where none may be touched, whether a kernel in Triton's interpreter reads or writes past it. How fast a GPU
is, and what it computes, this cannot tell. It leans on the inside of the one version of torch that the tests are pinned
to, and wants a C++ compiler; see tests/compiler/gpu/test_on_a_standin.py.
"""
