"""A child process that turns a PDF or a Word document on its input into text on its output.

What it is given comes from outside; the process has a limit of memory, no key in its environment and nothing to lose.
"""
