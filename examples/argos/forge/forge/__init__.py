"""Forge turns sources into artefacts."""
