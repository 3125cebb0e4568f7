"""The jobs, which run on a schedule or by a form: each is a flow of its own."""
