import phone

from psfr_tf.android_bench.android import device
from psfr_tf.android_bench.target import Thermal

PROPERTIES = "".join(f"[{name}]: [{value}]\n" for name, value in phone.PROPERTIES.items())
CORES = """present:0-3
grep: cpu3/cpufreq/cpuinfo_max_freq: No such file or directory
cpu0/cpufreq/cpuinfo_max_freq:1800000
cpu1/cpufreq/cpuinfo_max_freq:1800000
cpu2/cpufreq/cpuinfo_max_freq:2400000
cpu0/cpufreq/scaling_governor:schedutil
cpu2/cpufreq/scaling_governor:performance
"""
ZONES = """thermal_zone0/type:cpu-0-0
thermal_zone0/temp:48500
thermal_zone1/type:battery
thermal_zone1/temp:99000
thermal_zone2/type:gpuss-0
thermal_zone2/temp:51
grep: thermal_zone3/temp: Permission denied
thermal_zone3/type:cpu-1-0
cooling_device0/type:thermal-cpufreq-0
cooling_device0/cur_state:{state}
cooling_device1/type:battery
cooling_device1/cur_state:7
"""


def thermal_service(status: int, celsius: float) -> str:
    return phone.THERMAL.replace("@STATUS@", str(status)).replace("@CELSIUS@", str(celsius))


def test_properties():
    assert device.parse_properties(PROPERTIES) == phone.PROPERTIES


def test_cores_that_the_phone_shows_and_hides():
    top_khz, governors = device.parse_cores(CORES)
    assert top_khz == {0: 1800000, 1: 1800000, 2: 2400000, 3: 0}
    assert governors == ["performance", "schedutil"]
    assert device.parse_cores("grep: present: Permission denied") == ({}, [])


def test_description():
    found = device.describe(
        device.parse_properties(PROPERTIES),
        *device.parse_cores(CORES),
        battery=phone.BATTERY,
        memory="MemTotal:        7676624 kB\n",
    )
    assert found["name"] == "Google Pixel 8"
    assert found["cpu"] == "Google Tensor G3"
    assert (found["cores"], found["top_mhz"]) == (4, [1800, 2400])
    assert (found["system"], found["abi"]) == ("Android 14", "arm64-v8a")
    assert found["memory_kb"] == 7676624
    assert found["battery"] == {"level_percent": 81, "state": "charging", "celsius": 28.7}


def test_description_of_an_older_phone():
    properties = {"ro.board.platform": "msm8998", "ro.product.model": "OnePlus A5000"}
    found = device.describe(
        {**properties, "ro.product.manufacturer": "OnePlus"}, {}, [], battery="", memory=""
    )
    assert (found["name"], found["cpu"]) == ("OnePlus A5000", "msm8998")
    assert found["battery"] is found["governor"] is found["memory_kb"] is None


def test_heat_is_what_the_service_measures_now():
    """Not the cached 90 degrees, and not those of battery or skin."""
    assert device.parse_thermal_service(thermal_service(0, 45.5)) == Thermal(45.5, status=0)
    hot = device.parse_thermal_service(thermal_service(2, 88.0))
    assert hot == Thermal(88.0, status=2, throttled=True)


def test_phone_without_thermal_service():
    assert device.parse_thermal_service("Can't find service: thermalservice") is None


def test_heat_from_the_kernel():
    cool = device.parse_thermal_files(ZONES.replace("{state}", "0"))
    assert cool == Thermal(51.0)
    assert device.parse_thermal_files(ZONES.replace("{state}", "2")).throttled
    assert device.parse_thermal_files("grep: thermal_zone*/type: Permission denied") is None
