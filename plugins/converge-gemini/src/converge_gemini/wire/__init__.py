"""The wire of ``generateContent``: pure functions between the contract's values and JSON."""
