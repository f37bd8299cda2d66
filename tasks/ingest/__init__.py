"""Take what a source holds for one batch date and land it, typed, every record accounted for.

Consumes: a `SourceConfig` (files, an HTTP API or a SQL query), the secrets it refers to, and the
folder its relative paths start from.
Produces: `Ingested`: a table of typed rows with `_source` and `_line`, the quarantine of the
records that are not what was declared, and the ledger line that adds up to all that were read.
"""
