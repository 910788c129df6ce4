"""Artefacts that run outside this project."""
