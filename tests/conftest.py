import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

# No deadline: an example that is slow on a busy machine is no failure.
hypothesis.settings.register_profile("sidehook", deadline=None, print_blob=True)
hypothesis.settings.load_profile("sidehook")


@pytest.fixture
def socket_folder() -> Iterator[Path]:
    """A folder whose path is short enough for a Unix socket, which tmp_path's often is not."""
    with tempfile.TemporaryDirectory(prefix="sh", dir="/tmp") as folder:
        yield Path(folder)
