"""Great Expectations on Polars, and the suites of the shipped pipelines."""
