"""Make an environment for each foreign library under `.throughline/peers`: `python -m benchmarks.peers.install`.

Each has its own, because they ask for versions that exclude one another. PEERS_PYTHON names the interpreter;
batchata needs Python 3.12. Not part of the project: `rm -r .throughline/peers` removes all of it.
"""

import os
import subprocess
import sys

from benchmarks.peers.contenders import ENVIRONMENTS, REQUIREMENTS


def main() -> None:
    """Install what is missing, and say what could not be."""
    python = os.environ.get("PEERS_PYTHON", sys.executable)
    for wanted in sorted(REQUIREMENTS.glob("*.txt")):
        place = ENVIRONMENTS / wanted.stem
        marker = place / "installed"
        if marker.exists() and marker.read_text() == wanted.read_text():
            print(f"{wanted.stem}: there")
            continue
        subprocess.run([python, "-m", "venv", "--clear", place], check=True)
        pip = [place / "bin" / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r", wanted]
        if subprocess.run(pip, check=False).returncode == 0:
            marker.write_text(wanted.read_text())
            print(f"{wanted.stem}: installed")
        else:
            (place / "bin" / "python").unlink()  # so that it counts as missing
            print(f"{wanted.stem}: could not be installed")


if __name__ == "__main__":
    main()
