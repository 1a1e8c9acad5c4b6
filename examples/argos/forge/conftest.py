import pytest


@pytest.fixture
def needs():
    return {"app": ["core", "ui"], "ui": ["core"], "core": []}
