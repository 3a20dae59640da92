"""What a Raspberry Pi's firmware says of its supply and heat, and where it says it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

# Bits of get_throttled, as the Raspberry Pi documentation of vcgencmd lists them.
FLAGS = {
    0: "under-voltage",
    1: "frequency capped",
    2: "throttled",
    3: "soft temperature limit",
    16: "under-voltage since boot",
    17: "frequency capped since boot",
    18: "throttled since boot",
    19: "soft temperature limit since boot",
}
_FILES = "devices/platform/soc/*/get_throttled"
_ALARMS = "class/hwmon/*/in0_lcrit_alarm"  # of the driver raspberrypi-hwmon
_TIMEOUT_S = 5


def flags(bits: str) -> list[str]:
    """Return what hexadecimal flags ("0x50005") mean; nothing where they are no number."""
    try:
        value = int(bits, 16)
    except ValueError:
        return []
    return [words for bit, words in FLAGS.items() if value >> bit & 1]


def read(sys_folder: Path = Path("/sys"), *, ask_firmware: bool = True) -> list[str] | None:
    """Return the flags that are raised; None where nothing tells."""
    bits = _firmware() if ask_firmware else ""
    for file in [] if bits else sorted(sys_folder.glob(_FILES)):
        bits = file.read_text(encoding="ascii").strip()
    if bits:
        return flags(bits)
    alarms = [file.read_text(encoding="ascii").strip() for file in sys_folder.glob(_ALARMS)]
    if alarms:
        return ["under-voltage"] if "1" in alarms else []
    return None


def _firmware() -> str:
    """Return what vcgencmd says, "0x0"; "" where there is none."""
    program = shutil.which("vcgencmd")
    if program is None:
        return ""
    try:
        done = subprocess.run(
            [program, "get_throttled"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip().partition("throttled=")[2]
