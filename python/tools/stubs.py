"""Write `python/qosguard/_core.pyi` from the stub on standard input, as `qosguard-stubs` prints it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
STUB = ROOT / "python" / "qosguard" / "_core.pyi"
HEADER = "# Generated from bindings/python by `make stubs`; do not edit.\n"


def ruff(*arguments: str | Path, text: str) -> str:
    """Pass a text through ruff and return the result."""
    done = subprocess.run(
        [sys.executable, "-m", "ruff", *arguments, "--stdin-filename", STUB, "-"],
        cwd=ROOT,
        input=text,
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout


def main() -> None:
    """Write the stub."""
    text = HEADER + sys.stdin.read()
    # Types that Rust states in words arrive quoted.
    text = ruff("check", "--fix", "--select", "UP037,I001", text=text)
    STUB.write_text(ruff("format", text=text))


if __name__ == "__main__":
    main()
