"""What staff may do about webhooks: send again, replay, test, enable; each is one line of `calling.webhooks`."""
