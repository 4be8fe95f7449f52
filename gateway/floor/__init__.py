"""The care floor: who is asked, what agents read in their chat client, and what they do there."""
