"""What a collection is to receive: lists of orders, and their withdrawal."""
