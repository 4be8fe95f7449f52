"""A folder with every key of the shipped example, the commented ones too."""

import re
import shutil
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "config"
_COMMENTED = re.compile(r"^# (\[\[?[\w.]+\]\]?.*|\w+ = .*)$", re.MULTILINE)
SECRETS = {"crm.secret": "whsec_" + "QUJD" * 10, "billing.key": "raw-key-of-billing"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The example with all that is commented out put in, and the secrets that it names."""
    config = tmp_path / "config"
    shutil.copytree(EXAMPLE, config)
    for file in config.glob("*.toml"):
        text = _COMMENTED.sub(r"\1", file.read_text("utf-8"))
        file.write_text(text, "utf-8")
    for name, secret in SECRETS.items():
        (config / "secrets" / name).write_text(secret + "\n", "utf-8")
    (config / "handlers").mkdir()
    return config
