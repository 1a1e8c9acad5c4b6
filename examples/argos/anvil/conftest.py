import pytest


@pytest.fixture
def record():
    return {"entity_id": "tests/test_a.py::test_b", "status": "PASSED", "duration": 0.25}
