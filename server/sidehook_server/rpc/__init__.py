"""The services that applications and workers call: thin, octets in and octets out."""
