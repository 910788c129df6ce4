"""Runtimes of the networks.

An engine has `size` (side S of the faces in pixels) and

    run(lq) -> (restored, labels)

with lq float32 [B, S, S, 3] RGB in [-1, 1], restored float32 [B, S, S, 3] in [-1, 1], labels
uint8 [B, S, S] (parsing map, 0..18). Any B >= 1.
A ValueError says that lq has another shape.

Every engine may be shared by threads: `run` may be called by any number at once, and each gets the
answer that it would have got alone. A call that fails does not disturb the others or later ones.
"""
