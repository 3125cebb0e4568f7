"""PREMIS 3: values of the model become XML, streamed.

Section numbers in this package are those of the PREMIS Data Dictionary, version 3.0.
"""
