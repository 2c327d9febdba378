"""What finished attempts teach: how long outputs get, what a path costs in all, and how good the forecasts were.

The order of reading: `observations` (what was seen), `effects` (the centre), `residuals` (the spread around
it), `bounds` (the upper bound), `sizes` (the learner that joins them). Then `factors`, `costs`, `exploration`;
`report` and `replay` measure, over a ledger or over one of the `logs` at given `terms`, and `tables` tells.
Everything is a fold over observations in time order: the same observations give the same numbers. Nothing here
reads a clock, a file or a random number.
"""
