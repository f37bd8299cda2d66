"""Labels: rows of the event table in, one label for each event whose delay has passed.

Consumes `Ref[Valid]`, one a batch date. Produces `Ref[Labels]`: `event_id`, `event_time`,
`batch_date`, `label` (Int8), `known_at`, and `label_class` where classes are told apart. Nothing
after the end of the day `known_by` is used.
"""
