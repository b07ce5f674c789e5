"""The wire of ``/api/chat``: pure functions between the contract's values and JSON."""
