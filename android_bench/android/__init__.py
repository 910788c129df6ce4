"""A phone reached by adb, as a target of the benchmark: see `phone.AndroidTarget`."""
