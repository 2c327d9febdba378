"""Correct outputs made of real text, and defects planted in them: what the checks are measured with.

Everything is drawn from a seed; nothing is read but Python's own files.
"""
