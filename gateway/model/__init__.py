"""The vocabulary: frozen dataclasses, enums and pure state machines. No I/O; imports nothing of ours."""
