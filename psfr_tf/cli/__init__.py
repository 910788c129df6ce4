"""The command `psfr`. Each command is a module here; see `psfr_tf.cli.main`."""
