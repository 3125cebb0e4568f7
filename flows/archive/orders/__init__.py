"""What a collection is to receive: lists of orders, their withdrawal, and how far their delivery is."""
