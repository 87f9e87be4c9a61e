"""What the tests of pages share: a browser, and what looks for what keeps people from reading."""

from collections.abc import Iterator

import pytest

from tests.support import chromium, legible
from tests.support.chromium import Browser


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One for all tests; the test is skipped where there is none."""
    if chromium.program() is None:
        pytest.skip("no Chromium here: `apt-get install chromium`")
    with chromium.browser(tmp_path_factory.mktemp("browser")) as running:
        yield running


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The script of axe-core."""
    try:
        return legible.axe_core(tmp_path_factory.mktemp("axe"))
    except OSError as error:
        pytest.skip(str(error))
