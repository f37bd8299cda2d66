"""The flows that wire the stages together, and the command that runs them."""
