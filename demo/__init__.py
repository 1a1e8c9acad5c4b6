"""The demo: Argos at work on a project that was not written for it. Run it with `make demo`."""
