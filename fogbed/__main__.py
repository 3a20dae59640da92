"""``python -m fogbed``."""

from fogbed.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
