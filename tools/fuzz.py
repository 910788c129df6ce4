"""Feed mutated inputs to the readers of psfr_tf, and name each that ends in more than one line.

    python tools/fuzz.py --kind config --count 5000 --seed 1

Each case must end in a result or in a `UserError` (one line), within the time and memory that
docs/security.md states. The cases run in a child process with these limits; one that crashes or
hangs it is named, and the next goes on. A case is drawn from the seed and its number alone, so
`--first N --count 1` repeats one; `--keep DIR` writes the inputs that failed.
"""

import argparse
import contextlib
import json
import resource
import signal
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import numpy as np

SECONDS = 20.0
_OUT_OF_TIME = ("SIGALRM", "SIGPROF")


def work(args) -> None:
    """Run the cases in this process; a line of JSON before and after each."""
    from fuzz_kinds import KINDS

    from psfr_tf.errors import UserError

    with tempfile.TemporaryDirectory() as folder:
        kind = KINDS[args.kind](Path(folder))
        for good in kind.good:  # What is imported on first use does not count.
            with contextlib.suppress(UserError):
                kind.read(good)
        limit = _address_space() + args.memory * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        for number in range(args.first, args.first + args.count):
            data = kind.case(np.random.default_rng([args.seed, number]))
            if args.keep:
                Path(args.keep, f"{args.kind}_{args.seed}_{number}").write_bytes(data)
            print(json.dumps({"begin": number}), flush=True)
            # Their default action ends the process, also inside C. A machine may be busy with other
            # things, so it is the time of the CPU that is bounded, and what only waits a little
            # later.
            signal.setitimer(signal.ITIMER_PROF, args.seconds)
            signal.setitimer(signal.ITIMER_REAL, 10 * args.seconds)
            try:
                kind.read(data)
                outcome = "read"
            except UserError as error:
                outcome = "refused"
                # What is written to a terminal has its control characters escaped there.
                if "\n" in str(error) or "\r" in str(error):
                    outcome = f"more than one line: {str(error)!r}"
            except BaseException:
                outcome = traceback.format_exc()
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.setitimer(signal.ITIMER_REAL, 0)
            if args.keep and outcome in ("read", "refused"):
                Path(args.keep, f"{args.kind}_{args.seed}_{number}").unlink()
            print(json.dumps({"end": number, "outcome": outcome}), flush=True)


def _address_space() -> int:
    """Bytes that this process has mapped: the libraries alone take gigabytes of addresses."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def run(kind: str, count: int, seed: int, first: int, options: list[str]) -> dict:
    """The outcomes of the cases.

    Returns:
        `read` and `refused` (numbers of cases) and `failed`: by number, what happened.
    """
    result = {"kind": kind, "seed": seed, "count": count, "read": 0, "refused": 0, "failed": {}}
    number, end = first, first + count
    while number < end:
        command = [sys.executable, __file__, "--worker", "--kind", kind, "--seed", str(seed)]
        command += ["--first", str(number), "--count", str(end - number), *options]
        child = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        running = None
        for line in child.stdout:
            if not line.startswith("{"):
                continue
            record = json.loads(line)
            if "begin" in record:
                running = record["begin"]
                continue
            running, number = None, record["end"] + 1
            if record["outcome"] in ("read", "refused"):
                result[record["outcome"]] += 1
            else:
                result["failed"][record["end"]] = record["outcome"]
        code = child.wait()
        if running is None and code:
            raise SystemExit(
                f"fuzz: the worker of {kind} ended with {code} between cases: a fault "
                "of the fuzzer; run it with --worker to see"
            )
        if running is not None:
            name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
            result["failed"][running] = "time limit" if name in _OUT_OF_TIME else f"ended by {name}"
            number = running + 1
    return result


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kind", required=True, help="see fuzz_kinds.KINDS")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="limit of a case")
    parser.add_argument("--memory", type=int, default=1024, help="MiB that the cases may add")
    parser.add_argument("--keep", help="folder for the inputs that failed")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.worker:
        work(args)
        return 0
    options = ["--seconds", str(args.seconds), "--memory", str(args.memory)]
    if args.keep:
        Path(args.keep).mkdir(parents=True, exist_ok=True)
        options += ["--keep", args.keep]
    result = run(args.kind, args.count, args.seed, args.first, options)
    failed = result.pop("failed")
    for number, what in failed.items():
        print(f"--- {args.kind} --seed {args.seed} --first {number} --count 1\n{what}")
    print(json.dumps({**result, "failed": len(failed)}))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
