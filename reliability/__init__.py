"""The reliability scoreboard: `python -m reliability` prints what holds on this machine, with figures."""
