"""What ``make test-kind`` looks for first: docker that answers, and kind. Standard library only."""

from __future__ import annotations

import shutil
import subprocess
import sys

ANSWER_S = 30
WAYS = {
    "docker": "Docker Engine: sudo apt install docker.io, and your user in the group docker",
    "kind": "kind: go install sigs.k8s.io/kind@v0.32.0, or its release as a file on your PATH",
}


def missing() -> list[str]:
    """Return a sentence for each program that is not there, with the way to get it."""
    lacking = [name for name in WAYS if shutil.which(name) is None]
    return [f"Missing: {name}. Get {WAYS[name]}" for name in lacking]


def silence() -> str | None:
    """Return why Docker Engine does not answer; None if it does."""
    try:
        asked = subprocess.run(
            [shutil.which("docker") or "docker", "version", "--format", "{{.Server.Version}}"],
            check=False,
            capture_output=True,
            text=True,
            timeout=ANSWER_S,
        )
    except subprocess.TimeoutExpired:
        return f"it said nothing for {ANSWER_S} s"
    if asked.returncode == 0:
        return None
    return asked.stderr.strip() or "it did not say why"


def main() -> int:
    """Return 0 if a kind cluster can be made here; else say what is in the way."""
    problems = missing()
    if not problems and (why := silence()):
        problems = [f"Docker Engine does not answer: {why}\nIs it running, and may you use it?"]
    for each in problems:
        print(each, file=sys.stderr)
    return 2 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
