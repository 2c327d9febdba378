"""What a machine can verify of a long output, each check a pure function with evidence.

`table.CHECKS` lists them in reading order and `table.run_checks` runs them. Every check reads one
`Material` (the output, its checked quotes and an index of the sources) and returns one `Result`.
"""
