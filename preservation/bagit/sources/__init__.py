"""Where a bag is read from: a folder, an archive, or wherever a peer of theirs finds it."""
