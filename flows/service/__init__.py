"""The service: a Prefect server, a worker and the deployments of every pipeline file in a folder.

`lamplighter up` starts one supervisor that holds all of it; what it knows lies in `.lamplighter/`
beside the pipeline files and survives `lamplighter down`, a crash and a new start.
"""
