"""Files of the demo that only their owner may read."""

import os
from pathlib import Path


def kept(path: Path, new: str) -> str:
    """The content of a secret file; made when it is not there."""
    if path.exists() and (found := path.read_text("utf-8").strip()):
        return found
    write(path, new + "\n")
    return new


def write(path: Path, content: str) -> None:
    """Writes a file whole or not at all, its folders too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(content)
    partial.replace(path)
