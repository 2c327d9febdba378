"""The only reader of the user's documents: references in, named and decoded sources out.

    reading       what a job works on, collected inside its limits
    paths, globs  files and directories; `ignores` knows .gitignore
    git_ranges    the changes between two revisions
    addresses     http(s):// and what fsspec knows; `web` and `stores` fetch it
    documents     bytes to text; PDF and Word are read by a child process (`extraction`)

Limits arrive as arguments; settings are only named, so that a refusal says which one to change.
"""

from throughline.sources.reading import LeftOut, SourceSet, read_sources

__all__ = ["LeftOut", "SourceSet", "read_sources"]
