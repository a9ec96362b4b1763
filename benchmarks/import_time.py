"""How long `import unrolled` takes beside `import torch`, each as a whole process, in turn."""

from __future__ import annotations

import subprocess
import sys

from unrolled.bench.measure import medians


def main() -> None:
    """Prints the medians and their ratio."""
    ways = {
        name: lambda name=name: subprocess.run([sys.executable, "-c", f"import {name}"], check=True)
        for name in ("torch", "unrolled")
    }
    times = medians(ways, seconds=40, most=12)
    for name, seconds in times.items():
        print(f"import {name:<10} {seconds:.2f} s")
    print(f"ratio {times['unrolled'] / times['torch']:.2f}")


if __name__ == "__main__":
    main()
