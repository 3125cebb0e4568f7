"""The stages of a submission, as functions of its workspace: what each reads, calls and leaves behind."""
