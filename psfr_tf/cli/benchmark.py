"""`psfr benchmark WHAT`: measurements of speed, one module `benchmark_WHAT` each."""

PARTS = ("android", "local", "compare", "report", "serving", "train")
LABELS = {"title": "what to measure", "metavar": "WHAT"}
SUMMARY = "Measure speed and describe the machine it was measured on."
EXAMPLE = "psfr benchmark local --model restorer_float32.tflite --output speed"
