"""What every test may ask for. Small, seeded, offline."""

import os

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")


@pytest.fixture
def campaign_run(request):
    """Which repetition this is; counted from 0."""
    return request.param


def pytest_generate_tests(metafunc):
    """`@pytest.mark.campaign(times=30)`: once in `make test`, thirty times in `make campaign` (CAMPAIGN=1)."""
    mark = metafunc.definition.get_closest_marker("campaign")
    if mark and os.environ.get("CAMPAIGN"):
        metafunc.fixturenames.append("campaign_run")
        metafunc.parametrize("campaign_run", range(mark.kwargs["times"]), indirect=True)
