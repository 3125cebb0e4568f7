"""The jobs that run by themselves or by a form: each a flow of its own."""
