"""What a file is: siegfried first, fido where siegfried is in doubt, libmagic to describe."""
