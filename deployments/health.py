"""Exit with 0 when HEALTH_URL answers well: a health check for images that carry no curl."""

import os
import sys
import urllib.request


def main() -> int:
    """0 for healthy."""
    url = os.environ.get("HEALTH_URL", "http://127.0.0.1:8080/health")
    try:
        with urllib.request.urlopen(url, timeout=4) as answer:
            return 0 if answer.status == 200 else 1
    except OSError as error:
        sys.stderr.write(f"{url}: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
