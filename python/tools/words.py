"""Find the words of `docs/words.toml` in the tracked files that people read, and print what to write instead."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
WORDS = "docs/words.toml"
PATTERNS = ["*.md", "*.rs", "*.py", "*.mjs", "*.js", "*.ts", "*.toml", "Makefile"]
FOLDERS = ("src/", "bindings/", "python/", "examples/", "benches/", "tests/", "docs/")
# Generated files, and those that list the words.
EXCLUDED = {WORDS, "python/tests/test_words.py", "bindings/node/native.d.ts", "bindings/node/native.js"}
LISTS_OLD_NAMES = {"CHANGELOG.md", "docs/FORMAT.md"}


class Rule(NamedTuple):
    """A pattern, what to write instead, and whether it is a name that an earlier version may have had."""

    pattern: re.Pattern[str]
    instead: str
    is_name: bool


def rules(text: str) -> list[Rule]:
    """Compile the rules of a `words.toml`."""
    return [
        Rule(
            # A letter ends a word, an underscore does not: names in snake case are checked word by word.
            re.compile(f"(?<![A-Za-z])(?:{pattern.replace(' ', '[ _]')})(?![A-Za-z])", flags),
            instead,
            section != "words",
        )
        for section, patterns in tomllib.loads(text).items()
        for flags in [re.IGNORECASE if section == "words" else re.NOFLAG]
        for pattern, instead in patterns.items()
    ]


def hits(rules: list[Rule], line: str, *, may_hold_old_names: bool = False) -> list[tuple[str, str]]:
    """Return each banned word of a line with what to write instead."""
    may_hold_old_names |= "alias" in line or "old name" in line
    checked = (rule for rule in rules if not (rule.is_name and may_hold_old_names))
    return [(found[0], rule.instead) for rule in checked for found in rule.pattern.finditer(line)]


def files() -> list[str]:
    """Return the tracked files to check: those at the top, and those in `FOLDERS`."""
    listed = subprocess.run(["git", "ls-files", "-z", *PATTERNS], cwd=ROOT, check=True, capture_output=True, text=True)
    names = [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]
    return [name for name in names if name not in EXCLUDED and ("/" not in name or name.startswith(FOLDERS))]


def main(starts: list[str]) -> int:
    """Check the files whose names start with one of `starts`, or all files; return the exit status."""
    known = rules((ROOT / WORDS).read_text())
    checked = [name for name in files() if name.startswith(tuple(starts) or "")]
    counts: dict[str, int] = {}
    for name in checked:
        for number, line in enumerate((ROOT / name).read_text().splitlines(), 1):
            for word, instead in hits(known, line, may_hold_old_names=name in LISTS_OLD_NAMES):
                counts[name] = counts.get(name, 0) + 1
                print(f'{name}:{number}: "{word}": write {instead}')
    for name, count in sorted(counts.items(), key=lambda item: -item[1]):
        print(f"{count:6} {name}")
    print(f"{sum(counts.values())} words in {len(counts)} of {len(checked)} files")
    return 1 if counts else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
