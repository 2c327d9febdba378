"""Contenders that need an environment of their own; see `benchmarks.peers.install`."""
