"""The wire: pure functions between the contract's values and the JSON of Anthropic Messages."""
