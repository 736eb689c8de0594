"""Write `python/qosguard/_core.pyi` from the built extension; with `--check`, fail if it would change."""

from __future__ import annotations

import difflib
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
STUB = ROOT / "python" / "qosguard" / "_core.pyi"
HEADER = "# Generated from bindings/python by python/tools/stubs.py; do not edit.\n"


def run(*command: str | Path, text: str | None = None) -> str:
    """Run a module of this interpreter at the root and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, input=text, check=False, capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout


def generate() -> str:
    """The stub of the extension as it is built now."""
    with tempfile.TemporaryDirectory() as folder:
        run("maturin", "generate-stubs", "--out", folder)
        (generated,) = Path(folder).rglob("_core.pyi")
        text = HEADER + generated.read_text()
    # Types that Rust states in words arrive quoted.
    text = run("ruff", "check", "--fix", "--select", "UP037,I001", "--stdin-filename", STUB, "-", text=text)
    return run("ruff", "format", "--stdin-filename", STUB, "-", text=text)


def main() -> None:
    """Write the stub, or compare it."""
    text = generate()
    if "--check" not in sys.argv[1:]:
        STUB.write_text(text)
        return
    old = STUB.read_text().splitlines(keepends=True)
    diff = list(difflib.unified_diff(old, text.splitlines(keepends=True), "committed", "generated"))
    if diff:
        sys.exit("".join(diff) + "\nrun python/tools/stubs.py and commit the result\n")


if __name__ == "__main__":
    main()
