"""The sub-commands of `huiyin`, one module each."""
