"""`careline demo`: everything on one machine, and a page that tells the story."""
