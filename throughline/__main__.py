"""`python -m throughline` is the `throughline` command."""

import sys


def main() -> None:
    """Run the command line. Interrupted while it is still being loaded, it ends as quietly as later."""
    try:
        from throughline.cli import main as carry_out
    except KeyboardInterrupt:
        sys.exit(130)
    carry_out()


if __name__ == "__main__":
    main()
