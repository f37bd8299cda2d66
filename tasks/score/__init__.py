"""From tonight's features to scores, decisions and reasons.

Consumes `Ref[Features]` and the `Aliases` of the pipeline's models. Produces `Ref[Scores]`, one
row per event, by the first rung of the ladder that answers: champion, previous champion, XGBoost.
"""
