"""The stages of a submission, in their order."""
