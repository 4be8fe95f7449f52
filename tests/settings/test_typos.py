"""Each key of the example, mistyped or of a wrong type: the error names file, line, key and what was meant."""

import tomllib
from pathlib import Path

import pytest

from gateway.settings import FILES, ConfigError, load
from gateway.settings.layout import keys, section_at
from gateway.settings.positions import key_lines

_NAMES = {"acme", "pl"}  # keys of tables by name, which are no words of the schema


def _problems(folder: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(folder, {})
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize("name", FILES)
def test_every_mistyped_key_is_told_with_the_right_one(folder: Path, name: str) -> None:
    path = folder / name
    text = path.read_text("utf-8")
    lines = text.split("\n")
    tried = 0
    for place, line in key_lines(text).items():
        key = place[-1] if place else 0
        if not isinstance(key, str) or key in _NAMES or key.startswith("0x"):
            continue
        typo = key + key[-1]
        if lines[line - 1].startswith("["):
            # An array of tables, all of whose headers would have to change to leave valid TOML.
            changed = text.replace(f"[{key}", f"[{typo}").replace(f".{key}]", f".{typo}]")
        else:
            changed = "\n".join([*lines[: line - 1], lines[line - 1].replace(key, typo, 1), *lines[line:]])
        tomllib.loads(changed)
        path.write_text(changed, "utf-8")
        found = _problems(folder)
        begin = f"{path}:{line}: "
        told = [p for p in found if p.startswith(begin) and typo in p and f"unknown key (did you mean {key!r}?)" in p]
        assert told, (place, found)
        tried += 1
    assert tried >= 8


@pytest.mark.parametrize("name", FILES)
def test_every_key_of_a_wrong_type_is_told(folder: Path, name: str) -> None:
    path = folder / name
    text = path.read_text("utf-8")
    lines = text.split("\n")
    for place, line in key_lines(text).items():
        key = place[-1] if place else 0
        if not isinstance(key, str) or not lines[line - 1].startswith(f"{key} = "):
            continue
        for wrong in ("1979-05-27", '[["x"]]', "{ x = 1 }", "1e400"):
            path.write_text("\n".join([*lines[: line - 1], f"{key} = {wrong}", *lines[line:]]), "utf-8")
            if key == "errors" and wrong.startswith("{"):
                continue
            found = _problems(folder)
            assert any(problem.startswith(f"{path}:{line}: ") for problem in found), (place, wrong, found)


def test_a_number_in_quotes_is_no_number(folder: Path) -> None:
    path = folder / "gateway.toml"
    path.write_text(path.read_text("utf-8").replace("port = 8080", 'port = "8080"'), "utf-8")
    assert any("http.port: must be a whole number" in problem for problem in _problems(folder))


@pytest.mark.parametrize("name", FILES)
def test_every_key_has_help_text_and_stands_in_the_example(folder: Path, name: str) -> None:
    """`careline check` and the reader of config/ both need it."""
    written = {
        tuple(step for step in place if isinstance(step, str)) for place in key_lines((folder / name).read_text())
    }
    leaves = {place[-1] for place in written if place}
    for place in [(), *key_lines((folder / name).read_text())]:
        section = section_at(FILES[name], place)
        in_a_comment = place[-1:] == ("tls",)  # `tls = false` and, behind it, the table
        for key in keys(section).values() if section else ():
            assert key.help, (place, key.name)
            optional = in_a_comment or key.name.endswith("_file") or key.name in ("key", "hash", "say", "tls")
            assert optional or key.name in leaves, (place, key.name)
