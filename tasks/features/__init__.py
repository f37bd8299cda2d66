"""Features: the prepared table in, one row of float32 features for each event out.

Consumes `Ref[Prepared]` and the dimension tables. Produces `Built`: event id, key, time,
entities, batch date, then the features the families name. A feature uses its own row, rows of
the same transaction where the family says so, and rows strictly before it in time.
`proof.py` shows that nothing later moves it. Nothing is learned here.
"""
