"""Latency, memory and accuracy of LiteRT files on phones and on this machine.

One harness, two targets: `psfr benchmark android` and `psfr benchmark local`. What differs between
them is behind `psfr_tf.android_bench.target.Target`. Runs without TensorFlow.
"""
