"""Where drops arrive and are answered: folders, buckets, and the queue between them and the flow runs."""
