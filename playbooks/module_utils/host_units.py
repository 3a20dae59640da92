"""States of systemd units, as values."""

from __future__ import annotations


def unit_verbs(before: tuple[str, str], now: tuple[str, str]) -> list[str]:
    """Return the systemctl verbs that lead back."""
    if "not-found" in (before[0], now[0]):
        return []
    verbs = []
    if now[0].startswith("masked") and not before[0].startswith("masked"):
        verbs.append("unmask")
        now = ("disabled", now[1])
    if before[1] not in ("active", "activating") and now[1] == "active":
        verbs.append("stop")
    wanted = {"enabled": "enable", "disabled": "disable", "masked": "mask"}.get(before[0])
    # The state behind a mask is not seen: enabling what is enabled does no harm.
    if wanted and (before[0] != now[0] or (wanted == "enable" and "unmask" in verbs)):
        verbs.append(wanted)
    if before[1] == "active" and now[1] != "active":
        verbs.append("start")
    return verbs
