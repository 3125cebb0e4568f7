"""What knows Prefect: today its server and the door before it."""
