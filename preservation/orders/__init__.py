"""What was ordered: lists of it as people write them, and a delivery held against its order."""
