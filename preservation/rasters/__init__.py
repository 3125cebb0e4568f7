"""Raster images: one reader a format, of pixels, of fields, of metadata and of faults."""
