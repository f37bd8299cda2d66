"""The stages of a night, one package each, and what travels between them (`tasks.core`)."""
