"""Runtimes of the networks.

An engine has `size` (side S of the faces in pixels) and

    run(lq) -> (restored, labels)

with lq float32 [B, S, S, 3] RGB in [-1, 1], restored float32 [B, S, S, 3] in [-1, 1], labels
uint8 [B, S, S] (parsing map, 0..18). Any B >= 1.
"""
