"""Every public function of the Rust API is in Python and in Node, or in `tests/surface.toml` with a reason."""

from __future__ import annotations

import fnmatch
import inspect
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import qosguard as qg
from qosguard import _core, errors

ROOT = Path(__file__).parents[2]
LIST = tomllib.loads((ROOT / "tests" / "surface.toml").read_text())


def rust_items() -> set[str]:
    """Public functions, and public methods and builders of public types: `roc_auc`, `Guard::assess`."""
    public = set(re.findall(r"\b[A-Z]\w+|\b[a-z]\w+", " ".join(exports())))
    items = set()
    for path in (ROOT / "src").rglob("*.rs"):
        if "bin" in path.parts:
            continue
        owner: str | None = None
        lines = path.read_text().split("#[cfg(test)]\nmod tests {")[0].splitlines()
        for line in lines:
            if found := re.match(r"impl(?:<[^>]*>)? (?:\w+(?:<.*>)? for )?(\w+)", line):
                owner = None if " for " in line else found[1]
            elif found := re.match(r"pub (?:const )?fn (\w+)", line):
                if found[1] in public or (path.name == "mod.rs" and path.parent.name in PUBLIC_MODULES):
                    items.add(found[1])
            elif (found := re.match(r"    pub (?:const )?fn (\w+)", line)) and owner in public:
                items.add(f"{owner}::{found[1]}")
    return items


PUBLIC_MODULES = {"simulate", "src"}


def exports() -> Iterator[str]:
    for path in (ROOT / "src").rglob("*.rs"):
        yield from re.findall(r"^pub use ([^;]+);", path.read_text(), re.MULTILINE)


def python_names() -> dict[str, set[str]]:
    """The attributes, arguments and fields of every public class, by its name; functions under ``."""
    names: dict[str, set[str]] = {"": set()}
    for module in (qg, errors, _core):
        for name, value in vars(module).items():
            if inspect.isclass(value):
                names.setdefault(name, set()).update(dir(value), arguments(value.__init__))
                for member in vars(value).values():
                    names[name].update(arguments(member))
            elif callable(value) and not name.startswith("_"):
                names[""].update({name}, arguments(value))
    return names


def arguments(function: object) -> set[str]:
    try:
        return set(inspect.signature(getattr(function, "__func__", function)).parameters)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return set()


def node_names() -> dict[str, set[str]]:
    names: dict[str, set[str]] = {"": set()}
    for file in ("native.d.ts", "index.d.ts"):
        text = (ROOT / "bindings" / "node" / file).read_text()
        names[""].update(re.findall(r"^export declare function (\w+)", text, re.MULTILINE))
        # Interfaces of `declare module` are indented by two more spaces.
        for indent, start in (("", r"export (?:declare )?(?:class|interface)"), ("  ", "interface")):
            blocks = rf"^{indent}{start} (\w+)[^\n]*\{{\n(.*?)^{indent}\}}"
            member = rf"^{indent}  (?:static |get |readonly )*(\w+)\??[(:]"
            for name, body in re.findall(blocks, text, re.MULTILINE | re.DOTALL):
                names.setdefault(name, set()).update(re.findall(member, body, re.MULTILINE))
    return names


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def absent(item: str, language: str) -> str | None:
    """The reason why the language does not have the item, if the list has one."""
    for entry in LIST["absent"]:
        if language in entry and any(fnmatch.fnmatchcase(item, pattern) for pattern in entry["items"]):
            return str(entry[language])
    return None


def has(item: str, names: dict[str, set[str]], spell: object) -> bool:
    owner, _, name = item.rpartition("::")
    assert callable(spell)
    owners = [owner, *LIST["same"].get(owner, [])]
    return any(spell(name) in names.get(owner, set()) for owner in owners) or spell(
        LIST["renamed"].get(item, name).rpartition("::")[2]
    ) in names.get(LIST["renamed"].get(item, "?::").rpartition("::")[0], set())


def test_every_public_function_is_in_python_and_node() -> None:
    items = rust_items()
    assert len(items) > 300, len(items)
    python, node = python_names(), node_names()
    missing = []
    for item in sorted(items):
        if not has(item, python, str) and absent(item, "python") is None:
            missing.append(f"python {item}")
        if not has(item, node, camel) and absent(item, "node") is None:
            missing.append(f"node {item}")
    assert missing == []


def test_the_list_holds_nothing_but_what_is_absent() -> None:
    items = rust_items()
    stale = [p for entry in LIST["absent"] for p in entry["items"] if not fnmatch.filter(items, p)]
    stale += [item for item in LIST["renamed"] if item not in items]
    python, node = python_names(), node_names()
    for language, names, spell in (("python", python, str), ("node", node, camel)):
        for entry in LIST["absent"]:
            if language in entry:
                assert len(entry[language]) > 10, entry
                exact = [p for p in entry["items"] if "*" not in p]
                stale += [f"{language} has {item}" for item in exact if has(item, names, spell)]
    assert stale == []
