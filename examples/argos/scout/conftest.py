from datetime import datetime, timezone

import pytest


@pytest.fixture
def noon():
    return datetime(2026, 2, 2, 12, tzinfo=timezone.utc)
