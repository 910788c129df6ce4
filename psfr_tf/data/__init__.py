"""Degradation, datasets of faces, and drawn toy faces."""
