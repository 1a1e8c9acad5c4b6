"""What decides: rules on histories, and the figures they rest on."""
