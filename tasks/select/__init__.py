"""Selection: labelled examples in, the features that carry a signal out, each with a verdict.

Consumes `Ref[Examples]`, of which only the part `fit` is read. Produces `Selection`.
"""
