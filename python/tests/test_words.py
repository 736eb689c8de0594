import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
words = runpy.run_path(str(ROOT / "python" / "tools" / "words.py"))
RULES = words["rules"]((ROOT / "docs" / "words.toml").read_text())


def found(line):
    return [word for word, _ in words["hits"](RULES, line)]


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("/// Rows, 1,000 unless said otherwise.", "unless said otherwise"),
        ("fn truth_is_no_value() {", "is_no"),
        ("Those of the table are kept.", "Those of"),
        ("const MOST_ROWS: usize = 3;", "MOST_ROWS"),
        ("pub least_rows: usize,", "least_rows"),
        ("  leastRows: number", "leastRows"),
        ("struct Voice {", "struct Voice"),
        ("evenness = 0.1", "evenness"),
    ],
)
def test_banned_words_are_found_in_text_and_names(line, word):
    assert found(line) == [word]


@pytest.mark.parametrize(
    "line",
    [
        "There is no column of this name, and there are no rows.",
        "It is no longer read; a standard library at least understands it.",
        "fn at_most_one_row() { at_least_two(); almost_all(); of_course }",
        "Voice calls, of course",
        '#[serde(alias = "evenness")]',
        'assert_eq!(read("least_rows"), 3); // an old name',
    ],
)
def test_plain_text_has_no_hits(line):
    assert found(line) == []


def test_the_checked_files_are_in_every_language_and_none_is_generated():
    files = words["files"]()
    assert {Path(name).suffix for name in files} >= {".md", ".rs", ".py", ".mjs", ".js", ".ts", ".toml"}
    assert "Makefile" in files
    assert "bindings/node/native.d.ts" not in files
