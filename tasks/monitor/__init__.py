"""Watches nights: how far they are from the training, what changed, what they were worth.

Consumes the `Ref[Features]` and `Ref[Scores]` of nights, `Ref[Labels]` that arrive late, and the
baselines in a model's bundle. Produces `Ref[Drift]`, one row for each feature and the score, and
`Realised`: quality by night and over all nights, for the model that scored and for XGBoost beside
it.
"""
