"""Row 11: nothing in the package can run code that a file brings."""

from __future__ import annotations

import ast
from pathlib import Path

from reliability.board import Effort, Verdict

MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "yaml"}
NAMES = {"eval", "exec", "compile", "__import__"}
# By their last names, of whatever they are an attribute.
ATTRIBUTES = {
    "torch.load",
    "torch.jit.load",
    "torch.package",
    "np.memmap",
    "numpy.memmap",
    "yaml.load",
    "runpy.run_path",
}
PACKAGE = Path(__file__).parent.parent / "src"


def no_code(effort: Effort) -> Verdict:
    """Looks at every import and call of the package's source."""
    failures, files, calls = list[str](), 0, 0
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        files += 1
        calls += sum(isinstance(node, ast.Call) for node in ast.walk(tree))
        failures += [f"{path.relative_to(PACKAGE)}, {found}" for found in dangers(tree)]
    return Verdict.of(failures, f"{len(failures)} found among {calls} calls in {files} files")


def dangers(tree: ast.AST) -> list[str]:
    """What a module uses that can run code from a file, each with its line."""
    found = []
    for node in ast.walk(tree):
        imported = []
        if isinstance(node, ast.Import):
            imported = [name.name for name in node.names]
        elif isinstance(node, ast.ImportFrom):
            imported = [str(node.module), *(f"{node.module}.{name.name}" for name in node.names)]
        for name in imported:
            if name.split(".")[0] in MODULES or name in ATTRIBUTES:
                found.append(f"line {getattr(node, 'lineno', 0)}: imports {name}")
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            # `model.eval()` and `re.compile(...)` are methods of something else.
            dangerous = name in NAMES or name in ATTRIBUTES
            unsafe = [key for key in node.keywords if key.arg == "allow_pickle" and not _is(key.value, False)]
            unsafe += [key for key in node.keywords if key.arg in ("weights_only", "trust_remote_code")]
            lax = name in ("np.load", "numpy.load") and not any(key.arg == "allow_pickle" for key in node.keywords)
            if dangerous or unsafe or lax:
                found.append(f"line {node.lineno}: calls {ast.unparse(node)[:60]}")
    return found


def _is(node: ast.expr, value: object) -> bool:
    return isinstance(node, ast.Constant) and node.value is value
