"""For when a question is: an instant, or a window with a step."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from fogbed import units
from fogbed.clients.prometheus_values import Window, parts_of, step_for
from fogbed.errors import UsageError
from fogbed.experiment.record.bundle import Bundle


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """Either ``at`` (epoch seconds) or ``window``; ``step_s`` None: one that suits the window."""

    at: float | None = None
    window: Window | None = None
    step_s: float | None = None

    @property
    def whole(self) -> Window:
        """The window; of an instant that one alone."""
        if self.window is not None:
            return self.window
        at = self.at or 0.0
        return Window(at, at)

    @property
    def requests(self) -> int:
        """In how many parts Prometheus is asked; UsageError for too many points."""
        if self.window is None:
            return 1
        return len(parts_of(self.window, self.step_s or step_for(self.window)))


@dataclass(frozen=True, slots=True)
class Frame:
    """What times that are written as durations count from.

    ``window``: the whole of what can be asked, epoch seconds; ``origin``: where durations begin,
    None where they count back from the window's end.
    """

    window: Window
    origin: float | None

    def moment(self, option: str, text: str) -> float:
        """Return the epoch seconds that an option's text means.

        Raises:
            UsageError: it is neither a duration nor a date with a time.
        """
        try:
            duration_s = units.parse_duration_s(text.removeprefix("-"))
        except ValueError:
            return _date(option, text)
        if self.origin is None:
            return self.window.end - duration_s
        return self.origin + (-duration_s if text.startswith("-") else duration_s)


def frame_of_run(bundle: Bundle, now: float) -> Frame:
    """Return the window of a run by its journal; durations count from its first ride.

    Raises:
        UsageError: the run has written nothing.
    """
    journal = bundle.journal()
    if not journal:
        raise UsageError(f"run {bundle.name} has an empty journal: nothing is known of it")
    is_over = any(line["event"] == "run-ended" for line in journal)
    end = journal[-1]["time"] if is_over else now
    origin = next((line["origin"] for line in journal if line["event"] == "first-ride"), None)
    begin = journal[0]["time"]
    return Frame(Window(begin, end), begin if origin is None else origin)


def frame_of_now(now: float, back_s: float) -> Frame:
    """Return the last ``back_s`` seconds; durations count back from now."""
    return Frame(Window(now - back_s, now), None)


def parse_when(  # noqa: PLR0913 - one per option; by keyword
    frame: Frame,
    *,
    at: str | None,
    from_: str | None,
    to: str | None,
    step: str | None,
    is_range: bool,
) -> When:
    """Return what options ask for; where they say nothing, the frame's window if ``is_range``.

    Raises:
        UsageError: they contradict each other, or one cannot be read.
    """
    is_range = is_range or any(each is not None for each in (from_, to, step))
    if at is not None:
        if from_ or to or step:
            raise UsageError("--at is one instant; --from, --to and --step are of a window")
        return When(at=frame.moment("--at", at))
    if not is_range:
        return When(at=frame.window.end)
    begin = frame.window.start if from_ is None else frame.moment("--from", from_)
    end = frame.window.end if to is None else frame.moment("--to", to)
    if begin > end:
        raise UsageError("--from is later than --to", hint="see --help for what they count from")
    return When(window=Window(begin, end), step_s=None if step is None else _step(step))


def _step(text: str) -> float:
    try:
        step_s = units.parse_duration_s(text)
    except ValueError as error:
        raise UsageError(f"--step {text}: {error}") from error
    if step_s <= 0:
        raise UsageError(f"--step {text}: a step is longer than nothing")
    return step_s


def _date(option: str, text: str) -> float:
    try:
        date = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(
            f"{option} {text} is no time",
            hint="write a duration (90s, 5m) or a date with a time (2026-05-01T12:00:00Z)",
        ) from error
    # what says no zone is meant as in everything that fogbed writes
    return (date if date.tzinfo is not None else date.replace(tzinfo=UTC)).timestamp()
