"""What a phone says about itself: model, processor, heat, battery."""

import contextlib
import re
from typing import Any

from psfr_tf.android_bench.affinity import parse_cpus
from psfr_tf.android_bench.android.adb import Adb
from psfr_tf.android_bench.target import Thermal
from psfr_tf.errors import printable

_TEMPERATURE = re.compile(r"Temperature\{mValue=(-?\d{1,6}(?:\.\d*)?), mType=(-?\d{1,6}),")
# Types of android.hardware.thermal: CPU, GPU, NPU, TPU, SOC.
_PROCESSOR_TYPES = {0, 1, 9, 10, 13}
_PROCESSOR_ZONES = re.compile(r"cpu|gpu|soc|tsens|big|little|mid|cluster|ap_thermal", re.IGNORECASE)
_CHARGING = {1: "unknown", 2: "charging", 3: "discharging", 4: "not charging", 5: "full"}


def parse_properties(text: str) -> dict[str, str]:
    """Android's system properties, from `getprop`: lines `[name]: [value]`."""
    pairs = re.findall(r"^\[(.+?)\]: \[(.*)\]$", text, re.MULTILINE)
    return {name: printable(value, 500) for name, value in pairs}


def parse_cores(text: str) -> tuple[dict[int, int], list[str]]:
    """Lines `present:0-7` and `cpuN/cpufreq/FILE:CONTENT`.

    Returns:
        Top frequency in kHz of each core (0 where it is hidden), and the governors in use.
    """
    present = re.search(r"^present:([\d,-]+)$", text, re.MULTILINE)
    top_khz = {}
    if present:
        with contextlib.suppress(ValueError):  # A phone says what it likes; without, no pinning.
            top_khz = dict.fromkeys(parse_cpus(present.group(1)), 0)
    frequency = r"^cpu(\d{1,4})/cpufreq/cpuinfo_max_freq:(\d{1,9})$"
    for number, khz in re.findall(frequency, text, re.MULTILINE):
        top_khz[int(number)] = int(khz)
    governors = re.findall(r"^cpu\d+/cpufreq/scaling_governor:(\S{1,40})$", text, re.MULTILINE)
    return top_khz, sorted({printable(governor) for governor in governors})


def abis(properties: dict[str, str]) -> list[str]:
    """What programs the phone runs, best first."""
    listed = properties.get("ro.product.cpu.abilist") or properties.get("ro.product.cpu.abi", "")
    return [abi for abi in listed.split(",") if abi]


def describe(
    properties: dict[str, str],
    top_khz: dict[int, int],
    governors: list[str],
    battery: str,
    memory: str,
) -> dict[str, Any]:
    """The phone, for the results.

    Args:
        top_khz, governors: see `parse_cores`.
        battery: output of `dumpsys battery`.
        memory: contents of /proc/meminfo.
    """
    soc = " ".join(
        filter(None, [properties.get("ro.soc.manufacturer"), properties.get("ro.soc.model")])
    )
    maker = properties.get("ro.product.manufacturer", "")
    model = properties.get("ro.product.model", "Android device")
    total = re.search(r"MemTotal:\s*(\d{1,15}) kB", memory)
    return {
        "name": model if model.lower().startswith(maker.lower()) else f"{maker} {model}",
        "cpu": soc
        or properties.get("ro.hardware.chipname")
        or properties.get("ro.board.platform")
        or "unknown",
        "cores": len(top_khz),
        "top_mhz": sorted({khz // 1000 for khz in top_khz.values() if khz}),
        "governor": ", ".join(governors) or None,
        "memory_kb": int(total.group(1)) if total else None,
        "system": f"Android {properties.get('ro.build.version.release', 'unknown')}",
        "sdk": properties.get("ro.build.version.sdk"),
        "build": properties.get("ro.build.fingerprint"),
        "abi": (abis(properties) or ["unknown"])[0],
        "battery": parse_battery(battery),
    }


def parse_battery(text: str) -> dict[str, Any] | None:
    """Output of `dumpsys battery`: level in percent, state, temperature in degrees Celsius."""
    values = dict(re.findall(r"^\s*([\w ]+): (-?\d{1,9})$", text, re.MULTILINE))
    if "level" not in values:
        return None
    temperature = values.get("temperature")
    scale = int(values.get("scale", 100))
    scale = scale if scale > 0 else 100
    return {
        "level_percent": round(100 * int(values["level"]) / scale),
        "state": _CHARGING.get(int(values.get("status", 1)), "unknown"),
        "celsius": int(temperature) / 10 if temperature else None,
    }


def read_thermal(adb: Adb) -> Thermal | None:
    """The heat now, from the thermal service (Android 10 and newer), else from the kernel."""
    thermal = parse_thermal_service(adb.answer("dumpsys thermalservice"))
    if thermal is not None:
        return thermal
    return parse_thermal_files(
        adb.answer(
            "cd /sys/class/thermal && grep -H '' thermal_zone*/type thermal_zone*/temp "
            "cooling_device*/type cooling_device*/cur_state"
        )
    )


def parse_thermal_service(text: str) -> Thermal | None:
    """Output of `dumpsys thermalservice`; None if there is no such service."""
    status = re.search(r"^Thermal Status: (\d)", text, re.MULTILINE)
    if status is None:
        return None
    # The cached values before this heading may be hours old.
    current = text.partition("Current temperatures from HAL:")[2]
    current = current.partition("Current cooling devices")[0] or text
    sensors = [(float(value), int(kind)) for value, kind in _TEMPERATURE.findall(current)]
    processor = [value for value, kind in sensors if kind in _PROCESSOR_TYPES and value > 0]
    number = int(status.group(1))
    # 1 (light) already lowers the clock, though not so that the screen stutters.
    return Thermal(max(processor, default=None), status=number, throttled=number >= 1)


def parse_thermal_files(text: str) -> Thermal | None:
    """Lines `thermal_zoneN/type:NAME`, `.../temp:MILLIDEGREES`, `cooling_deviceN/cur_state:LEVEL`.

    None if no sensor of the processor can be read.
    """
    files = dict(re.findall(r"^(\w+/\w+):(.*)$", text, re.MULTILINE))
    celsius = []
    throttled = False
    for path, name in files.items():
        place, _, file = path.partition("/")
        if file != "type":
            continue
        if place.startswith("thermal_zone") and _PROCESSOR_ZONES.search(name):
            value = files.get(f"{place}/temp", "")
            if re.fullmatch(r"-?\d{1,9}", value):
                # A few kernels give whole degrees.
                celsius.append(int(value) / (1000 if abs(int(value)) > 200 else 1))
        if place.startswith("cooling_device") and "cpufreq" in name:
            throttled = throttled or files.get(f"{place}/cur_state", "0") not in ("0", "")
    return Thermal(max(celsius), throttled=throttled) if celsius else None
