"""Where drops arrive and are answered: folders, buckets, the queue between them and the runs."""
