"""The published contracts: what other systems may rely on."""
