"""The demo: a shop's files, API and database laid out on this machine, trained on and scored."""
