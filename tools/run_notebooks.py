"""Run the notebooks of examples/ and keep what they print and draw.

    python tools/run_notebooks.py [--output DIR]

Without --output the notebooks themselves are written.
"""

import argparse
import sys
import time
from pathlib import Path

EXAMPLES = Path(__file__).parents[1] / "examples"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=EXAMPLES)
    args = parser.parse_args()
    try:
        import nbformat
        from nbclient import NotebookClient
        from nbclient.exceptions import CellExecutionError
    except ImportError:
        print("notebooks need: pip install 'psfr_tf[examples]'", file=sys.stderr)
        return 1
    args.output.mkdir(parents=True, exist_ok=True)
    failed = 0
    for path in sorted(EXAMPLES.glob("*.ipynb")):
        book, start = nbformat.read(path, 4), time.monotonic()
        try:
            NotebookClient(book, timeout=600, resources={"metadata": {"path": EXAMPLES}}).execute()
        except CellExecutionError as error:
            print(f"{path.name}: {error}", file=sys.stderr)
            failed = 1
            continue
        for cell in book.cells:
            cell.metadata.pop("execution", None)  # times
            outputs = cell.get("outputs", [])
            # What the libraries warn of, on the machine that ran it.
            cell["outputs"] = [each for each in outputs if each.get("name") != "stderr"]
            if cell.cell_type != "code":
                del cell["outputs"]
        nbformat.write(book, args.output / path.name)
        print(f"{path.name}: {time.monotonic() - start:.0f} s")
    return failed


if __name__ == "__main__":
    sys.exit(main())
