"""Faces in a photo: detection, alignment to the FFHQ template, pasting back."""
