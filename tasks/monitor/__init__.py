"""What a night's scores turned out to be worth, once the labels are known.

Consumes the `Ref[Scores]` of past nights and `Ref[Labels]`. Produces `Realised`: quality by night
and over all nights, for the model that scored and for XGBoost beside it.
"""
