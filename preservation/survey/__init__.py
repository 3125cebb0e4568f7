"""Survey: what lies in a drop, read once; and how it compares with the manifests that came with it."""
