"""Latency, memory and accuracy of LiteRT files on phones and on this machine.

One harness, two targets: `psfr benchmark android` and `psfr benchmark local`. What differs between
them is in `android.phone.AndroidTarget` and `local.LocalTarget`. Runs without TensorFlow.
"""
