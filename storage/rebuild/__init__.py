"""Building catalogue, journal and the state of audits again from what lies in stores."""
