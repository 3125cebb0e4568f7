"""Prefect: flows, tasks, deployments, the server and the worker. The only room that imports it."""
