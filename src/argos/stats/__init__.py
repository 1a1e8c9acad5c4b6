"""Numbers from outcomes and durations. Pure functions."""
