"""BagIt (RFC 8493): manifests and tag files written and read, bags as folders and archives, validation."""
