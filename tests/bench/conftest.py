"""One painted set of footage and clips, for every test that needs one."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.identification.clips.__main__ import main


@pytest.fixture(scope="session")
def painted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with sources/ and foreign/ (12 s each), clips/ edited in two ways, one stranger, and truth.json."""
    folder = tmp_path_factory.mktemp("painted")
    command = ["--painted", "0.2", "--out", str(folder), "--each", "1", "--strangers", "1"]
    done = CliRunner().invoke(main, [*command, "--only", "mirror", "stranger", "vignette"])
    assert done.exit_code == 0, done.output
    return folder
