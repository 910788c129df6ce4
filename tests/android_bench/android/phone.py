"""Files of the emulated phone: what the harness reads of a Pixel 8, and its tools."""

import json
import stat
import struct
import sys
from pathlib import Path

PROPERTIES = {
    "ro.product.manufacturer": "Google",
    "ro.product.model": "Pixel 8",
    "ro.build.version.release": "14",
    "ro.build.version.sdk": "34",
    "ro.build.fingerprint": "google/shiba/shiba:14/UQ1A.240105.004/11206848:user/release-keys",
    "ro.product.cpu.abi": "arm64-v8a",
    "ro.product.cpu.abilist": "arm64-v8a",
    "ro.soc.manufacturer": "Google",
    "ro.soc.model": "Tensor G3",
    "ro.board.platform": "zuma",
}
# 4 Cortex-A510, 4 Cortex-A715, 1 Cortex-X3.
MAX_KHZ = [1704000] * 4 + [2367000] * 4 + [2914000]
ARM64, ARM, X86_64 = (64, 183), (32, 40), (64, 62)

BATTERY = """Current Battery Service state:
  AC powered: false
  USB powered: true
  status: 2
  health: 2
  present: true
  level: 81
  scale: 100
  voltage: 4231
  temperature: 287
  technology: Li-ion
"""
THERMAL = """IsStatusOverride: false
ThermalStatusListeners:
	callbacks: 4
	killed: false
Thermal Status: @STATUS@
Cached temperatures:
	Temperature{mValue=90.0, mType=0, mName=BIG, mStatus=0}
HAL Ready: true
Current temperatures from HAL:
	Temperature{mValue=@CELSIUS@, mType=0, mName=BIG, mStatus=0}
	Temperature{mValue=41.2, mType=0, mName=LITTLE, mStatus=0}
	Temperature{mValue=28.7, mType=2, mName=battery, mStatus=0}
	Temperature{mValue=30.1, mType=3, mName=VIRTUAL-SKIN, mStatus=@STATUS@}
Current cooling devices from HAL:
Temperature static thresholds from HAL:
"""

# Each look at the status lets the phone cool by one step, so that a test of waiting is quick.
DUMPSYS = """#!/bin/sh
[ -e "$PHONE/dumpsys/$1" ] || { echo "Can't find service: $1" >&2; exit 0; }
if [ "$1" = thermalservice ]; then
    status=$(cat "$PHONE/thermal_status")
    sed "s/@STATUS@/$status/; s/@CELSIUS@/$((45 + 15 * status)).5/" "$PHONE/dumpsys/$1"
    [ "$status" -gt 0 ] && echo $((status - 1)) > "$PHONE/thermal_status"
    exit 0
fi
cat "$PHONE/dumpsys/$1"
"""
TASKSET = """#!/bin/sh
case $1 in *[!0-9a-f]*|'') echo "taskset: bad mask '$1'" >&2; exit 1;; esac
shift
exec "$@"
"""
START_PROGRAM = """#!/bin/sh
exec "{python}" -IS "{script}" "$@"
"""


def make_phone(root: Path) -> Path:
    """Write the phone's files below `root`, which must exist."""
    for folder in ("data/local/tmp", "system/bin", "dumpsys", "proc", "sys/class/thermal"):
        (root / folder).mkdir(parents=True)
    lines = [f"[{name}]: [{value}]\n" for name, value in PROPERTIES.items()]
    tools = {
        "getprop": f'#!/bin/sh\ncat "{root}/properties"\n',
        "dumpsys": DUMPSYS,
        "taskset": TASKSET,
        "start_program": START_PROGRAM.format(
            python=sys.executable, script=Path(__file__).parent / "start_program.py"
        ),
    }
    for name, text in tools.items():
        path = root / "system/bin" / name
        path.write_text(text)
        path.chmod(0o755)
    (root / "properties").write_text("".join(lines))
    (root / "dumpsys/battery").write_text(BATTERY)
    (root / "dumpsys/thermalservice").write_text(THERMAL)
    (root / "thermal_status").write_text("0")
    (root / "proc/meminfo").write_text("MemTotal:        7676624 kB\nMemFree:  812340 kB\n")
    (root / "sys/devices/system/cpu").mkdir(parents=True)
    (root / "sys/devices/system/cpu/present").write_text(f"0-{len(MAX_KHZ) - 1}\n")
    for cpu, khz in enumerate(MAX_KHZ):
        folder = root / f"sys/devices/system/cpu/cpu{cpu}/cpufreq"
        folder.mkdir(parents=True)
        (folder / "cpuinfo_max_freq").write_text(f"{khz}\n")
        (folder / "scaling_governor").write_text("sched_pixel\n")
    behave(root)
    return root


def behave(root: Path, events: dict[int, str] | None = None, **changes) -> None:
    """Set how `benchmark_model` behaves on the phone.

    Args:
        events: what happens in its first, second ... run, counted from now: "crash", "garbage",
            "hang", "pull the cable", "throttle".
        changes: `gpu` ("all", "part", "none", "refused", "wrong" or "secretly on the cpu"; the
            CompiledModel API's program: "all", "part"), `npu` ("all", "none"),
            `unknown_flags` (options of newer versions), `output_bytes` (written before the disk
            is full).
    """
    (root / "runs").write_text("")
    behavior = {"events": events or {}, "gpu": "all", "npu": "all"}
    behavior |= {"unknown_flags": [], "output_bytes": 1 << 30}
    (root / "behavior.json").write_text(json.dumps({**behavior, **changes}))


def make_benchmark_model(
    path: Path, machine: tuple[int, int] = ARM64, recorded: str = "recorded_benchmark_model.py"
) -> Path:
    """Write a program file for the phone: an ELF header, then the recorded program."""
    bits, number = machine
    identification = b"\x7fELF" + bytes([bits // 32, 1, 1]) + bytes(9)
    header = identification + struct.pack("<HH", 3, number)
    source = (Path(__file__).parent / recorded).read_bytes()
    path.write_bytes(header.ljust(64, b"\0") + source)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path
