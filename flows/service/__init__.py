"""What runs for days: dispatch, supervision, alarms that are watched for, status, doctor."""
