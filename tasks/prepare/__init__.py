"""Preparation: valid rows of the event table in, one de-duplicated and treated table out.

Consumes `Ref[Valid]`, one a batch date. Learns treatments from training time (`Preparation`,
which travels with the model) and applies them unchanged ever after. Produces `PreparedTable`:
rows sorted by event time and key, with the column `batch_date`.
"""
