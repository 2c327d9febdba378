"""Throughline, the raw SDK and other libraries on the same work against the same local servers.

`python -m benchmarks.peers.install` makes an environment for each foreign library; `python -m benchmarks.peers`
measures whatever is installed and prints a table in Markdown.
"""
