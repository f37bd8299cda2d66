"""From features and late labels to a bundle that can score.

Consumes `Ref[Features]`, `Ref[Labels]`, a `Selection` and a `Preparation`. Produces
`Ref[Examples]` (the split) and `Trained`: a bundle under `models/`, metrics and curves on rows no
choice has seen. Registering makes the bundle the champion and keeps the ones before it.
"""
