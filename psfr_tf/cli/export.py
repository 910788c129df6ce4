"""`psfr export FORMAT`: files that other programs run, one module `export_FORMAT` each."""

PARTS = ("litert", "onnx", "saved-model")
LABELS = {"title": "formats", "metavar": "FORMAT"}
SUMMARY = "Write a model as files that run outside this project."
EXAMPLE = "psfr export litert --weights psfr-mobile-256 --precision int8-dynamic --output out"
