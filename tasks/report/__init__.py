"""The public tables, the page of each night and training, and their summaries.

Consumes scores, quality, quarantine, ledger lines, a selection and a model's measures. Produces
Parquet tables by the contract of `contract.py` and self-contained HTML pages under `reports/`,
and under `incidents/` the page of a night that was stopped.
"""
