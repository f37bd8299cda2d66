"""The zoo: what can be trained, how it is saved, and the record of what was.

Consumes float32 matrices, one row per event, NaN where a value is missing. Produces scorers that
give one number per row, higher meaning more suspicious, and bundles in the store: a model never
travels without its preparation, selection, configuration, calibration and fallback.
"""
