"""How results are shown: tables, charts and pages that evaluation, export and benchmarks share."""
