"""The command line: one file per noun, one function per verb; ``main`` is its one way out.

A noun's module is imported when it is called for, so that ``fogbed --help`` answers at once.
"""

from __future__ import annotations

import errno
import importlib
import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from fogbed import __version__
from fogbed.cli import console
from fogbed.clients import held
from fogbed.errors import DONE, WRONG_INPUT, FogbedError, Interrupted, UsageError

# command -> (its module, what it does). A module offers ``app`` (a Typer with verbs) or a
# function of the command's name.
COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("init", "Write a testbed.yml; ask, or find machines on the network."),
    "demo": ("demo", "Run the laptop experiment end to end, with a report."),
    "check": ("check", "Validate spec files: all problems at once."),
    "up": ("testbed", "Bring a testbed up; run it again to resume."),
    "down": ("testbed", "Remove what up made."),
    "status": ("testbed", "Show nodes, processes, slots, memory and URLs."),
    "open": ("open", "Open Flink's page, MinIO, Prometheus or Grafana on a port of this computer."),
    "dashboard": ("dashboard", "Open a dashboard of Grafana, at a run's time."),
    "node": ("node", "List, add, remove, replace and reboot nodes; run programs on them."),
    "upgrade": ("upgrade", "Upgrade Kubernetes, node by node."),
    "render": ("render", "Show what would be applied, as text."),
    "logs": ("testbed", "Show the logs of a node."),
    "doctor": ("doctor", "Check this computer and the nodes, with the fix for each problem."),
    "rides": ("rides", "Import, list and describe taxi rides."),
    "landmarks": ("landmarks", "List the sets of landmarks."),
    "images": ("images", "Send container images to the nodes, and list them."),
    "job": ("job", "Build, submit, list, rescale, save and stop the stream job."),
    "network": ("network", "Plan, import, apply, show, verify and clear the emulated network."),
    "experiment": ("experiment", "Check, run, list, show and report experiments."),
    "metrics": ("metrics", "List, query and export figures, now or of a run."),
    "watch": ("watch", "Watch a running job: its figures, live in the terminal."),
}

# A full disk can end any command; it is the computer's fault, not a bug.
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
# Nor is a place that is not ours to read or write.
_NOT_OURS = (errno.EACCES, errno.EPERM, errno.EROFS)


class LazyGroup(TyperGroup):
    """Lists every command by its one line and imports the one that is called."""

    # typer vendors click, so its Context has no public name to annotate with
    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401
        """Replace a command's stand-in with the command itself."""
        if args and args[0] in COMMANDS:
            self.commands[args[0]] = _load(args[0])
        return super().resolve_command(ctx, args)

    def get_params(self, ctx: Any) -> Any:  # noqa: ANN401
        """Return the options of fogbed itself."""
        return _flags_without_type(super().get_params(ctx))

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401
        """Run a command; Ctrl-C ends as our own error, with its exit code."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise Interrupted("interrupted") from None


def _load(name: str) -> Any:  # noqa: ANN401 - as above
    module = importlib.import_module(f"fogbed.cli.{COMMANDS[name][0]}")
    noun = getattr(module, "app", None)
    if noun is None:
        noun = typer.Typer(add_completion=False, rich_markup_mode="rich")
        noun.command(name)(getattr(module, name))
    command = typer.main.get_command(noun)
    command.name = name
    for each in (command, *getattr(command, "commands", {}).values()):
        _flags_without_type(each.get_params(typer.Context(each)))
    return command


def _flags_without_type(params: Sequence[Any]) -> Sequence[Any]:
    """Have --help show flags as flags: typer shows the type ``<bool>``, as if they took a value."""
    for param in params:
        if getattr(param, "is_flag", False):
            param.metavar = ""
    return params


app = typer.Typer(
    cls=LazyGroup,
    help="A fog computing testbed: real Flink, real rides, a measured network.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def _stand_in() -> None:
    """Never runs: LazyGroup puts the real command in its place."""


def _register(register: Callable[..., Any]) -> None:
    for name, (_, summary) in COMMANDS.items():
        register(name, help=summary)(_stand_in)


_register(app.command)


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - the shape of a typer callback
    if wanted:
        console.say(f"fogbed {__version__}")
        raise typer.Exit


@app.callback()
def fogbed(
    *,
    version: Annotated[  # noqa: ARG001 - its callback has shown it
        bool,
        typer.Option(
            "--version", help="Show the version and exit.", callback=_show_version, is_eager=True
        ),
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Say more about what is done, on stderr.")
    ] = False,
) -> None:
    """A fog computing testbed: real Flink, real rides, a measured network."""
    console.set_verbose(verbose=verbose)


def _hear_signals(*, is_ours: bool) -> None:
    """Have SIGTERM, and SIGINT where the process is ours, end a command in order."""
    signal.signal(signal.SIGTERM, _on_sigterm)
    # while modules were loaded, Ctrl-C ended the process; a shell's & has it ignored
    if is_ours and signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _on_sigterm(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _begin_in_utf8() -> None:
    """Start this program anew in Python's UTF-8 mode (PEP 540) where the locale is another.

    Arrow, DuckDB and Java take a path's bytes as UTF-8 whatever the locale says, and so would find
    another file than we do.
    """
    if sys.getfilesystemencoding() != "utf-8" and "PYTHONUTF8" not in os.environ:
        os.environ["PYTHONUTF8"] = "1"
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - ourselves


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; the only place that catches FogbedError."""
    if argv is None:
        _begin_in_utf8()
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        _hear_signals(is_ours=argv is None)
        code = app(args=words, prog_name="fogbed", standalone_mode=False)
    except FogbedError as error:
        return _show(error)
    except TyperException as error:
        return _show(_misused(error)) if error.format_message() else WRONG_INPUT
    except (typer.Abort, KeyboardInterrupt):  # outside of any command, too
        return _show(Interrupted("interrupted"))
    except OSError as error:
        if (explained := _explained(error)) is None:
            raise
        return _show(explained)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else DONE
    finally:
        held.close_all()
    return code if isinstance(code, int) else DONE


def _show(error: FogbedError) -> int:
    console.show_error(error)
    return error.exit_code


def _explained(error: OSError) -> FogbedError | None:
    """Return a fault of the computer's as an error of ours; None for what is a bug."""
    if error.errno in _NO_ROOM:
        where = error.filename or "a file, or the output,"
        return FogbedError(
            f"{where} cannot be written: {error.strerror}",
            hint="make room there, then give the command again",
        )
    if error.errno in _NOT_OURS and error.filename is not None:
        return UsageError(
            f"{os.fsdecode(error.filename)}: {error.strerror}",
            hint="see whose it is and what its rights are (ls -ld), or name another place",
        )
    return None


def _misused(error: TyperException) -> UsageError:
    """Return what typer found wrong with the command line as an error of ours.

    An empty message is not an error: the help was asked for by giving no command.
    """
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "fogbed"
    return UsageError(error.format_message(), hint=f"{command} --help says what it takes")
