"""Pages for people, printed or on a screen: certificates and reports. No script; nothing is fetched."""
