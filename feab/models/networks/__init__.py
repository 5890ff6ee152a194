"""Small networks that were trained to read faces: what vision language models should be compared with."""
