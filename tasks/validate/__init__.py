"""Proves the landed tables fit to use, or stops the night.

Consumes `Ref[Landed]` of each source and the suites of the pipeline. Produces `Validated`: a
`Ref[Valid]` of each table, the rows held back with every reason, and one quality row for each
expectation. Raises `GateClosedError` where a critical expectation fails that holds no rows back,
where a check could not be made, or where too large a share of a table would be held back.

Before that, `mend` applies what users have said that held rows should be (`mends.py`): an input of
the night like its sources.
"""
