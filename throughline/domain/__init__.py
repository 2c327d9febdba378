"""What the service thinks: pure decisions over frozen values.

Nothing here reads a clock, the environment, a file of the user or the network, and nothing here knows
Prefect, SQL or the SDK. Everything that varies arrives as an argument.
"""
