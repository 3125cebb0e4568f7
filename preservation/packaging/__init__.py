"""Packaging: from records to the plan of a bag. The payload is not read again and not copied."""
